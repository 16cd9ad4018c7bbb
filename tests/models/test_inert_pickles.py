"""Tensors are read out of pickles that name other things, and these do nothing."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from aidd.models.inert_pickles import read_state_dict


class Arguments:
    """As a configuration of a program that is not there: with a state, items and an order of its own."""

    def __init__(self):
        self.values = {"audio_len": 184_184, "inner": [1, 2]}


class Mapping(dict):
    pass


class Malicious:
    """Has a function called while it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def saved(folder, content) -> str:
    torch.save(content, folder / "checkpoint.pt")
    return str(folder / "checkpoint.pt")


def test_tensors_come_back_to_the_bit(tmp_path):
    base = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    tensors = {
        "a": base,
        "view": base[1:, ::2],
        "transposed": base.T,
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.5),
        "parameter": torch.nn.Parameter(base.clone()),
    }
    tensors |= {str(dtype): base.to(dtype) for dtype in (torch.float64, torch.bfloat16, torch.float16, torch.int64)}
    tensors |= {str(dtype): (base > 0).to(dtype) for dtype in (torch.bool, torch.uint8, torch.int32)}
    found = read_state_dict(saved(tmp_path, {"it": 3, "ema": OrderedDict(tensors)}), "ema")
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor), name
    assert type(found["parameter"]) is torch.Tensor


def test_a_networks_state_comes_back(tmp_path):
    """A state dict has attributes, and an optimizer's state lies beside it."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    path = saved(tmp_path, {"network": network.state_dict(), "optimizer": optimizer.state_dict()})
    found = read_state_dict(path, "network")
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())


def test_objects_of_other_programs_are_passed_over(tmp_path, monkeypatch):
    content = {"args": [Arguments(), Mapping(a=1)], "ema": {"weight": torch.ones(2)}}
    path = saved(tmp_path, content)
    monkeypatch.delattr(f"{__name__}.Arguments")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    with pytest.raises(AttributeError):
        torch.load(path, weights_only=False)
    assert torch.equal(read_state_dict(path, "ema")["weight"], torch.ones(2))


@pytest.mark.parametrize("place", ["beside", "among", "instead"])
def test_nothing_is_executed(tmp_path, place):
    """Wherever in the file it stands."""
    harm = Malicious(os.mkdir, str(tmp_path / "executed"))
    nested = Malicious(getattr, Malicious(__import__, "os"), "mkdir")
    weights = {"weight": torch.ones(2)}
    content = {
        "beside": {"ema": weights, "args": [harm, nested]},
        "among": {"ema": weights | {"other": harm}},
        "instead": {"ema": Malicious(exec, f"import os; os.mkdir({str(tmp_path / 'executed')!r})")},
    }[place]
    path = saved(tmp_path, content)
    if place == "beside":
        assert torch.equal(read_state_dict(path, "ema")["weight"], torch.ones(2))
    else:
        with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged or no file of torch\.save with ema: exp"):
            read_state_dict(path, "ema")
    assert not (tmp_path / "executed").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "executed").exists(), "the file was harmless, and this test proves nothing"


def rewritten(path: str, changes: dict[str, bytes]) -> None:
    """Replaces parts of an archive, by the ends of their names."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, next((new for end, new in changes.items() if name.endswith(end)), content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"/data/0": b"short"}, ""),
        ({"/data/0": bytes(4)}, "expected 2 numbers in storage 0, got 1"),
        ({"/data.pkl": b"\x80\x02}q\x00."}, "expected a dictionary with a state dict ema, got nothing"),
        ({"/data.pkl": b"\x80\x02}q"}, ""),
        ({"/data.pkl": pickle.dumps({"ema": {"weight": 3}})}, "expected tensors by name, got int as 'weight'"),
        ({"/byteorder": b"big"}, "its numbers are big endian, expected little endian"),
    ],
)
def test_damaged_files_are_refused(tmp_path, changes, message):
    path = saved(tmp_path, {"ema": {"weight": torch.ones(2)}})
    rewritten(path, changes)
    with pytest.raises(
        ValueError, match=rf"checkpoint\.pt is damaged or no file of torch\.save with ema: .*{message}"
    ):
        read_state_dict(path, "ema")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut short", pickle.dumps({"ema": {}})])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "damaged.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged\.pt"):
        read_state_dict(tmp_path / "damaged.pt", "ema")
    with pytest.raises(OSError, match=r"missing\.pt"):
        read_state_dict(tmp_path / "missing.pt", "ema")
