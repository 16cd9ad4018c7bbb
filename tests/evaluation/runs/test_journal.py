import pytest

from aidd.evaluation.runs.journal import Journal


def test_rows_of_all_processes_are_read_and_half_a_line_is_none(tmp_path):
    journals = [Journal(tmp_path, "rows", process) for process in range(2)]
    journals[0].append([{"a": 1}, {"a": 2}])
    journals[1].append([{"a": 3}])
    Journal(tmp_path, "others").append([{"a": 4}])
    with journals[1].path.open("a") as file:
        file.write('{"a": 5')
    assert journals[0].read() == [{"a": 1}, {"a": 2}, {"a": 3}]
    # The process that was killed starts again.
    again = Journal(tmp_path, "rows", 1)
    with again.writing():
        again.append([{"a": 6}])
    assert again.read() == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 6}]


def test_what_json_cannot_say_is_refused_and_writes_nothing(tmp_path):
    journal = Journal(tmp_path / "new", "rows")
    with pytest.raises(ValueError, match="JSON"):
        journal.append([{"a": 1.0}, {"a": float("inf")}])
    assert journal.read() == []


def test_two_writers_of_one_journal_are_one_too_many(tmp_path):
    with Journal(tmp_path, "rows").writing():
        with Journal(tmp_path, "rows", 1).writing():
            pass
        again = Journal(tmp_path, "rows").writing()
        with pytest.raises(ValueError, match=r"another process is writing to .*rows-0\.jsonl"), again:
            pass
    with Journal(tmp_path, "rows").writing():
        pass
