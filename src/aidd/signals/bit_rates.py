"""
Bit rates of lossy files, and the settings of libsndfile's encoders that come nearest to one.

libsndfile's encoders have one setting, the compression level in [0, 1), and MP3 a mode beside it. For MP3 of a
constant bit rate the level is linear in it; what all else makes of a level depends on the sound, and is tried on parts
of it.
"""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from .survey.mpeg import survey_mpeg
from .survey.ogg import survey_ogg
from .survey.part import Survey
from .survey.stream import Stream


# Highest and lowest bit rates of MP3 in kbit/s, from the lowest sampling rate on that they hold for.
MP3_BIT_RATES = ((32_000, 320, 32), (16_000, 160, 8), (0, 64, 8))
# The excerpts that are tried, and when a setting is near enough.
NUM_EXCERPTS, EXCERPT_SECONDS, NEAR = 8, 1.5, 0.03
MAX_TRIALS = 8
HIGHEST_LEVEL = 0.999
CODECS = ("VORBIS", "OPUS", "MPEG_LAYER_III")


@dataclass(frozen=True)
class EncoderSettings:
    """
    What an encoder of libsndfile is set to.

    Args:
        compression_level: from 0, the best, to below 1; None for the encoder's own.
        bitrate_mode: `CONSTANT` or `AVERAGE` for MP3; None for the encoder's own.
    """

    compression_level: float | None = None
    bitrate_mode: str | None = None


def bit_rate_of(path: str | Path) -> float | None:
    """Bits a second of the sound in a file of Vorbis, Opus or MPEG audio; None for any other."""
    with closing(Stream(path)) as stream:
        return _bit_rate_in(stream)


def settings_like(source: str | Path, *, format: str, subtype: str) -> EncoderSettings:
    """
    Settings that give a file about the bit rate of another.

    Args:
        source: the other file. Where it has no bit rate of its own, as lossless files have none, the encoder's own
            settings are returned.
        format, subtype: of the file to be written, in libsndfile's terms.
    """
    if subtype not in CODECS:
        return EncoderSettings()
    with closing(Stream(source)) as stream:
        wanted = _bit_rate_in(stream)
        if wanted is None:
            return EncoderSettings()
        if subtype == "MPEG_LAYER_III" and stream.survey.is_constant:
            _, highest, lowest = next(row for row in MP3_BIT_RATES if stream.samplerate >= row[0])
            level = (highest - wanted / 1000) / (highest - lowest)
            return EncoderSettings(float(np.clip(level, 0, HIGHEST_LEVEL)), "CONSTANT")
        mode = "AVERAGE" if subtype == "MPEG_LAYER_III" else None
        return EncoderSettings(_tried_level(stream, wanted, format, subtype, mode), mode)


def _bit_rate_in(stream: Stream) -> float | None:
    """Bits a second of a compressed stream."""
    num_bytes, seconds = stream.survey.num_bytes, stream.frames / stream.samplerate
    return 8 * num_bytes / seconds if num_bytes and seconds else None


def _tried_level(stream: Stream, wanted: float, format: str, subtype: str, mode: str | None) -> float:
    """The compression level at which parts of the sound take the bit rate."""
    rate, channels = stream.samplerate, stream.channels
    length = min(round(EXCERPT_SECONDS * rate), stream.frames)
    if length * NUM_EXCERPTS >= stream.frames:
        excerpt = stream.read(stream.frames, "float64")
    else:
        parts = []
        for start in np.linspace(0, stream.frames - length, NUM_EXCERPTS).astype(int).tolist():
            stream.seek(start)
            parts.append(stream.read(length, "float64"))
        excerpt = np.concatenate(parts)
    low, high, level = 0.0, HIGHEST_LEVEL, 0.5
    best = (np.inf, level)
    for _ in range(MAX_TRIALS):
        settings = EncoderSettings(level, mode)
        found = _encoded_bit_rate(excerpt, rate, channels, format, subtype, settings)
        best = min(best, (abs(np.log(found / wanted)), level))
        if best[0] < NEAR:
            break
        low, high = (level, high) if found > wanted else (low, level)
        level = (low + high) / 2
    # The ends are met by halving only in the limit.
    for end in (0.0, HIGHEST_LEVEL):
        if best[0] >= NEAR and abs(level - end) < 2**-MAX_TRIALS:
            found = _encoded_bit_rate(excerpt, rate, channels, format, subtype, EncoderSettings(end, mode))
            best = min(best, (abs(np.log(found / wanted)), end))
    return best[1]


def _encoded_bit_rate(
    samples: np.ndarray, rate: int, channels: int, format: str, subtype: str, settings: EncoderSettings
) -> float:
    """Bits a second of samples `(samples, channels)` when they are encoded."""
    buffer = io.BytesIO()
    with sf.SoundFile(
        buffer,
        "w",
        rate,
        channels,
        subtype,
        format=format,
        compression_level=settings.compression_level,
        bitrate_mode=settings.bitrate_mode,
    ) as file:
        # Second by second: libsndfile's Vorbis encoder takes a write whole onto the stack.
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])
    length = buffer.seek(0, io.SEEK_END)
    survey: Survey = survey_mpeg(buffer, length) if format == "MP3" else survey_ogg(buffer, length)
    return 8 * (survey.num_bytes or 1) * rate / max(len(samples), 1)
