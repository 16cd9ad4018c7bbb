import pytest
import torch
from diffusers.training_utils import EMAModel

from aidd.training.runs.averaging import averaged_weights


@pytest.mark.parametrize("error", [None, KeyError("loss")])
def test_the_average_is_in_place_inside_alone(error):
    network = torch.nn.Linear(3, 2)
    ema = EMAModel(network.parameters(), decay=0.5)
    average = network.weight.detach().clone()
    with torch.no_grad():
        network.weight += 1
    trained = network.weight.detach().clone()
    try:
        with averaged_weights(ema, network):
            assert torch.equal(network.weight, average)
            if error:
                raise error
    except KeyError:
        assert error
    assert torch.equal(network.weight, trained)
