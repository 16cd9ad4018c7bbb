import threading

import pytest

from aidd.signals.warning import collecting_warnings, passing_over, warn_at_caller


class Rare(UserWarning):
    """A category of its own."""


def test_warnings_are_collected_in_order_or_shown():
    with collecting_warnings() as outer:
        warn_at_caller("first")
        with collecting_warnings() as inner:
            warn_at_caller("second", Rare)
        warn_at_caller("third")
    assert [str(one) for one in outer] == ["first", "third"]
    assert [(type(one), str(one)) for one in inner] == [(Rare, "second")]
    with pytest.warns(UserWarning, match="shown") as shown:
        warn_at_caller("shown")
    assert shown[0].filename == __file__


def test_a_category_is_passed_over_and_no_other():
    with collecting_warnings() as collected, passing_over(Rare):
        warn_at_caller("one", Rare)
        warn_at_caller("two")
    with pytest.warns(Rare):
        warn_at_caller("three", Rare)
    assert [str(one) for one in collected] == ["two"]


def test_two_threads_collect_their_own():
    """Each warns while the other collects too."""
    met, found = threading.Barrier(2, timeout=10), {}

    def work(name: str) -> None:
        with collecting_warnings() as collected:
            met.wait()
            warn_at_caller(name)
            met.wait()
            with passing_over(Rare):
                met.wait()
                warn_at_caller(f"{name} unheard", Rare)
                met.wait()
        found[name] = [str(one) for one in collected]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["a"], "b": ["b"]}
