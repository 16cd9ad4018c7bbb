"""What encoding does to a repair: fillings stay in its range, and what else changes is said in dB."""

import re

import numpy as np
import pytest
import soundfile as sf

from aidd import RepairRequest, repair_file
from aidd.repair.encoded import HeldFillings, loss_outside
from aidd.repair.scan import scan_audio
from aidd.signals.files import read_audio
from aidd.signals.formats import SubtypeError, encoding_for, format_for


RATE = 22_050
GAP = slice(RATE, RATE + 500)
REQUEST = {"gaps": [(1.0, 1.0 + 500 / RATE)], "method": "linear"}


def noise(level=0.5, channels=1):
    draw = np.random.default_rng(0)
    return np.clip(level * draw.standard_normal((2 * RATE, channels)), -0.999, 0.999)


def loud(audio, mask, *, sampling_rate, generator=None):
    """A filling of twice full scale, of both signs."""
    return np.where(mask, np.where(np.arange(audio.shape[-1]) % 2, 2.0, -2.0), audio)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.flac", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "PCM_U8"), ("a.wav", "ULAW")]
)
def test_a_filling_beyond_full_scale_is_limited_with_a_word(tmp_path, name, subtype):
    source, target = tmp_path / name, tmp_path / f"b.{name}"
    sf.write(source, noise(), RATE, subtype)
    with pytest.warns(UserWarning, match="500 samples of the filling were beyond full scale"):
        repair_file(source, target, RepairRequest(gaps=REQUEST["gaps"], method=f"{__name__}:loud"))
    before, after = (sf.read(path, dtype="int32", always_2d=True)[0] for path in (source, target))
    assert (before[: GAP.start] == after[: GAP.start]).all() and (before[GAP.stop :] == after[GAP.stop :]).all()
    filled = read_audio(target).samples[0, GAP]
    assert filled.max() > 0.9 and filled.min() < -0.9


def test_floats_are_not_limited(tmp_path):
    sf.write(tmp_path / "a.wav", noise(), RATE, "FLOAT")
    repair_file(tmp_path / "a.wav", tmp_path / "b.wav", RepairRequest(gaps=REQUEST["gaps"], method=f"{__name__}:loud"))
    assert np.abs(read_audio(tmp_path / "b.wav").samples).max() == 2


def test_what_is_not_filled_is_not_touched(tmp_path):
    """Even where it lies between codes, or beyond full scale: the check of the contract must see it."""
    sf.write(tmp_path / "a.wav", noise(), RATE, "PCM_16")
    audio = np.array([[0.3, 1.5, 0.1, -2.0]])
    mask = np.array([[False, False, True, True]])
    held = HeldFillings(lambda audio, masks: audio, scan_audio(tmp_path / "a.wav"), "PCM_16")
    step = 2.0**-15
    assert held(audio, {"method": mask}).tolist() == [[0.3, 1.5, round(0.1 / step) * step, -1.0]]


def test_fillings_have_as_many_bits_as_the_recording(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, np.round(noise() * 2**19) / 2**19, RATE, "PCM_24", format="WAVEX")
    content = path.read_bytes()
    place = content.index(b"fmt ") + 8 + 18
    path.write_bytes(content[:place] + (20).to_bytes(2, "little") + content[place + 2 :])
    repair_file(path, tmp_path / "b.wav", RepairRequest(**REQUEST))
    codes = sf.read(tmp_path / "b.wav", dtype="int32")[0]
    assert not (codes & 0xFFF).any() and codes[GAP].any()


@pytest.mark.parametrize(("name", "advice"), [("b.flac", "softer by 13.99 dB"), ("b.wav", "the subtype FLOAT")])
def test_a_recording_beyond_full_scale_is_refused_before_any_work(tmp_path, name, advice):
    sf.write(tmp_path / "a.wav", 10 * noise(0.2), RATE, "FLOAT")
    peak = np.abs(sf.read(tmp_path / "a.wav")[0]).max()
    sf.write(tmp_path / "a.wav", 10 * noise(0.2) * 5 / peak, RATE, "FLOAT")

    with pytest.raises(ValueError, match=f"b.*samples reach 5, beyond the range of PCM_24.*{advice}") as refusal:
        repair_file(
            tmp_path / "a.wav",
            tmp_path / name,
            RepairRequest(gaps=REQUEST["gaps"], method=f"{__name__}:never", subtype="PCM_24"),
        )
    assert isinstance(refusal.value, SubtypeError) == (name == "b.wav")
    assert ("FLOAT" in str(refusal.value)) == (name == "b.wav")


def never(audio, mask, *, sampling_rate, generator=None):
    raise RuntimeError("work was done")


def test_samples_in_gaps_may_be_anything(tmp_path):
    """So may the lowest code, which is full scale itself."""
    samples = noise()
    samples[GAP] = 4
    samples[100] = -1
    sf.write(tmp_path / "a.wav", samples, RATE, "FLOAT")
    with pytest.warns(UserWarning, match="PCM_32 rounds samples of FLOAT"):
        repair_file(tmp_path / "a.wav", tmp_path / "b.wav", RepairRequest(**REQUEST, subtype="PCM_32"))
    assert read_audio(tmp_path / "b.wav").samples[0, 100] == -1


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "ULAW"), ("a.au", "ALAW"), ("a.aiff", "ULAW")])
def test_nothing_is_said_of_a_lossy_encoding_that_changes_nothing(tmp_path, name, subtype):
    sf.write(tmp_path / name, noise(), RATE, subtype)
    repair_file(tmp_path / name, tmp_path / f"b{name}", RepairRequest(**REQUEST))
    assert loss_outside(tmp_path / name, tmp_path / f"b{name}", [np.array([[GAP.start, GAP.stop]])]) == (np.inf, 0)


@pytest.mark.parametrize(
    ("name", "subtype", "format"),
    [("a.mp3", "MPEG_LAYER_III", "MP3"), ("a.ogg", "VORBIS", "OGG"), ("a.wav", "MS_ADPCM", "WAV")],
)
def test_the_loss_outside_gaps_is_said_in_db(tmp_path, name, subtype, format):
    source, target = tmp_path / name, tmp_path / f"b{name}"
    sf.write(source, noise(0.2), RATE, subtype, format=format)
    with pytest.warns(UserWarning, match="is lossy") as messages:
        repair_file(source, target, RepairRequest(**REQUEST))
    (words,) = [str(one.message) for one in messages if "is lossy" in str(one.message)]
    before, after = read_audio(source).samples[0], read_audio(target).samples[0]
    outside = np.ones(len(before), bool)
    outside[GAP] = False
    length = min(len(before), len(after))
    error = (after[:length] - before[:length])[outside[:length]]
    expected = 10 * np.log10(np.sum(before[:length][outside[:length]] ** 2) / np.sum(error**2))
    assert float(re.search(r"error is (-?[\d.]+) dB below", words)[1]) == pytest.approx(expected, abs=0.06)
    assert ("kbit/s" in words) == (format in ("MP3", "OGG"))


def test_a_narrower_subtype_is_said_to_round(tmp_path):
    sf.write(tmp_path / "a.wav", noise(0.2), RATE, "PCM_24")
    with pytest.warns(UserWarning, match=r"PCM_16 rounds samples of PCM_24: .* dB below"):
        repair_file(tmp_path / "a.wav", tmp_path / "b.wav", RepairRequest(**REQUEST, subtype="PCM_16"))


def test_wider_subtypes_change_nothing(tmp_path):
    sf.write(tmp_path / "a.wav", noise(0.2), RATE, "PCM_16")
    for subtype in ("PCM_24", "FLOAT"):
        repair_file(tmp_path / "a.wav", tmp_path / "b.wav", RepairRequest(**REQUEST, subtype=subtype))


SIZES = [
    ("a.wav", "WAV", "PCM_16", 2**31 + 2**20, "RF64"),
    ("a.wav", "WAVEX", "DOUBLE", 2**30, "RF64"),
    ("a.wav", "WAV", "PCM_16", 2**30, "WAV"),
    ("a.rf64", "RF64", "PCM_16", 2**40, "RF64"),
    ("a.flac", "FLAC", "PCM_24", 2**35, "FLAC"),
    ("a.w64", "W64", "PCM_24", 2**35, "W64"),
]


@pytest.mark.parametrize(("name", "format", "subtype", "num_samples", "expected"), SIZES)
def test_more_than_four_gigabytes_take_a_format_that_holds_them(name, format, subtype, num_samples, expected):
    assert format_for(name, format, subtype, channels=1, num_samples=num_samples) == expected


@pytest.mark.parametrize(("name", "format"), [("a.aiff", "AIFF"), ("a.au", "AU")])
def test_formats_that_end_at_four_gigabytes_are_refused_at_once(name, format):
    with pytest.raises(ValueError, match=r"hold up to 4 GiB, and this one would have 8\.0; choose"):
        format_for(name, format, "PCM_16", channels=2, num_samples=2**31)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.WAVE", "WAV"), ("a.bwf", "WAV"), ("a.rf64", "RF64"), ("a.aifc", "AIFF"), ("a.oga", "OGG"), ("a.snd", "AU")],
)
def test_suffixes_that_editors_and_recorders_write(name, format):
    subtype = "VORBIS" if format == "OGG" else "PCM_16"
    assert encoding_for(name, subtype, format) == (subtype, format)
