import gc

import pytest

from aidd.models.uncollected import uncollected


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def was_enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_the_collector_rests_inside_and_is_as_it_was_behind(was_enabled):
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() == was_enabled


def test_the_collector_is_as_it_was_after_an_error(was_enabled):
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled() == was_enabled
