"""What a survey finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from .file_view import Segment


@dataclass(frozen=True)
class Part:
    """
    Bytes that a decoder reads as one stream.

    Args:
        segments: what the decoder is shown.
        start: first sample of the part within its link, if that is known.
        end: where the part's last sample ends, in the samples that its link counts from any number on, if that is
            known. With neither, the part follows the one before it without a hole.
        origin: the number that `end` counts from, where the first part of a link does not begin there.
        num_samples: samples of each channel, where a decoder would only estimate them.
        link: number of the stream that the part belongs to, in a file of several in a chain.
    """

    segments: tuple[Segment, ...]
    start: int | None = None
    end: int | None = None
    origin: int | None = None
    num_samples: int | None = None
    link: int = 0


@dataclass(frozen=True)
class Survey:
    """
    What header and stream of a file promise, against what can be read.

    Args:
        parts: what is read, in order; empty for the file as it is.
        container: the bytes that name the container, such as `RIFF`; empty where it is another.
        read_share: data that is read over data that the header promises: below 1 where the file is cut short, above
            it where more lies in the file.
        num_samples: samples of each channel that the stream promises, if it says so.
        notes: what is damaged, or not read, in words.
        num_bytes: bytes of sound in a compressed stream, or None.
        is_constant: whether all frames of an MPEG stream have one bit rate.
    """

    parts: tuple[Part, ...] = ()
    container: str = ""
    read_share: float = 1.0
    num_samples: int | None = None
    notes: tuple[str, ...] = field(default=())
    num_bytes: int | None = None
    is_constant: bool = False
