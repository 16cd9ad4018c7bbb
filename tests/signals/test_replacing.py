import pytest

from aidd.signals.replacing import replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="killed"), replacing(path) as temporary:
        temporary.write_text("ha")
        assert path.read_text() == "old"
        raise RuntimeError("killed")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "old"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "new"
