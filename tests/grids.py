"""Tests of many cases that differ by a number: one test, which reports all that fail."""

import itertools
from collections.abc import Callable, Iterable

import pytest


def for_every(**grids: Iterable) -> Callable[[Callable], Callable[[], None]]:
    """All combinations of values, as of `pytest.mark.parametrize`, where collecting them takes longer than they do."""

    def decorate(check: Callable) -> Callable[[], None]:
        def test() -> None:
            failures = []
            for values in itertools.product(*grids.values()):
                case = dict(zip(grids, values, strict=True))
                try:
                    check(**case)
                except (Exception, pytest.fail.Exception) as error:
                    failures.append(f"{case}: {type(error).__name__}: {error}")
            assert not failures, f"{len(failures)} cases fail:\n" + "\n".join(failures)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
