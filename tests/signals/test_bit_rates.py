"""A lossy file that is written like another has its bit rate, as nearly as the encoder allows."""

import numpy as np
import pytest
import soundfile as sf

from aidd.signals.bit_rates import EncoderSettings, bit_rate_of, settings_like
from aidd.signals.blocks import AudioReader, writing_audio


RATE = 48_000
FORMATS = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
# Two minutes in fast motion: loud and soft, tonal and noisy parts by turns.
NUM_SAMPLES = 5 * RATE


def music():
    time = np.arange(NUM_SAMPLES) / RATE
    draw = np.random.default_rng(0)
    tones = sum(np.sin(2 * np.pi * f * time + p) for f, p in ((220, 0), (331, 1), (1210, 2))) / 10
    hiss = 0.05 * draw.standard_normal((NUM_SAMPLES, 2)) * (np.sin(2 * np.pi * time)[:, None] > 0)
    return tones[:, None] * np.array([1, 0.8]) + hiss


def written(path, subtype, *, rate=RATE, **settings):
    sf.write(path, music(), rate, subtype, format=FORMATS[path.suffix[1:]][0], **settings)


def written_like(source, target):
    format, subtype = FORMATS[target.suffix[1:]]
    with (
        AudioReader(source) as reader,
        writing_audio(
            [target],
            sampling_rate=reader.sampling_rate,
            subtype=subtype,
            channels=reader.channels,
            format=format,
            like=source,
        ) as (writer,),
    ):
        writer.write(reader.read(0, NUM_SAMPLES))


@pytest.mark.parametrize("level", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("suffix", FORMATS)
def test_bit_rates_are_kept(tmp_path, suffix, level):
    source, target = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    written(source, FORMATS[suffix][1], compression_level=level)
    written_like(source, target)
    assert 0.85 < bit_rate_of(target) / bit_rate_of(source) < 1.18
    assert 0.85 < target.stat().st_size / source.stat().st_size < 1.18


@pytest.mark.parametrize("rate", [44_100, 22_050, 8_000])
@pytest.mark.parametrize("level", [0.0, 0.4, 0.7])
def test_a_constant_bit_rate_of_mp3_stays_what_it_was(tmp_path, rate, level):
    source, target = tmp_path / "a.mp3", tmp_path / "b.mp3"
    written(source, "MPEG_LAYER_III", rate=rate, compression_level=level, bitrate_mode="CONSTANT")
    written_like(source, target)
    assert bit_rate_of(target) == pytest.approx(bit_rate_of(source), rel=1e-3)


def test_mp3_of_a_varying_bit_rate_gets_its_mean(tmp_path):
    source = tmp_path / "a.mp3"
    written(source, "MPEG_LAYER_III", compression_level=0.3, bitrate_mode="VARIABLE")
    assert settings_like(source, format="MP3", subtype="MPEG_LAYER_III").bitrate_mode == "AVERAGE"


def test_what_has_no_bit_rate_leaves_the_encoder_as_it_is(tmp_path):
    sf.write(tmp_path / "a.wav", music(), RATE, "PCM_16")
    assert bit_rate_of(tmp_path / "a.wav") is None
    assert settings_like(tmp_path / "a.wav", format="OGG", subtype="VORBIS") == EncoderSettings()
    written(tmp_path / "a.ogg", "VORBIS")
    assert settings_like(tmp_path / "a.ogg", format="FLAC", subtype="PCM_16") == EncoderSettings()
