"""Audio files read and written block by block, so that no recording has to fit into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf
from mutagen import MutagenError

from .bit_rates import EncoderSettings, settings_like
from .encoding import beyond_full_scale, encode
from .formats import (
    FLOAT_TYPES,
    INTEGER_BITS,
    LOSSLESS_SUBTYPES,
    check_is_file,
    check_writable,
    format_of,
    real_path,
    reason_of,
)
from .metadata.keeping import Keeping, keeping_of
from .output_file import OutputFile
from .replacing import replacing_all
from .survey.stream import Stream
from .survey.survey import survey_audio
from .warning import warn_at_caller


# Samples of every channel that are in memory at a time: of two channels, 4 MB.
BLOCK_SAMPLES = 2**18


class AudioReader:
    """
    The samples of an audio file, region by region: what [`~aidd.signals.files.read_audio`] would give of it.

    Regions may overlap, but none may start before the one that was read before it, as lossy files give other samples
    after a jump. Samples from the last start on are kept in memory.

    Args:
        source: path of the file, or its content as a binary file object.
        name: what errors call the file; its path by default.

    Raises:
        ValueError: a missing file, a folder, a pipe or device, or a file that is not audio.
    """

    def __init__(self, source: str | Path | BinaryIO, *, name: str | None = None):
        self.name = str(source) if name is None else name
        if isinstance(source, str | Path):
            check_is_file(Path(source))
        try:
            self._stream = Stream(source)
        except (sf.LibsndfileError, OSError) as error:
            notes = "".join(f"; {note}" for note in survey_audio(source).notes)
            raise ValueError(f"{self.name}: cannot be read as audio ({reason_of(error)}){notes}") from error
        self.sampling_rate: int = self._stream.samplerate
        self.channels: int = self._stream.channels
        self.subtype: str = self._stream.subtype
        self.format: str = self._stream.format
        self.endian: str = self._stream.endian
        self._kept, self._start = np.zeros((0, self.channels)), 0

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def num_samples(self) -> int:
        """Samples of each channel, as far as is known before they are decoded."""
        return self._stream.frames

    def close(self) -> None:
        """Closes the file; leaving a `with` block does it too."""
        self._stream.close()

    def losses(self, num_samples: int) -> list[str]:
        """
        Sentences on what the file has lost, or holds beyond what is read; none for an intact one.

        Args:
            num_samples: samples of each channel that could be decoded.
        """
        return [f"{self.name}: {words}" for words in self._stream.losses(num_samples)]

    def read(self, start: int, stop: int) -> np.ndarray:
        """
        Reads samples from `start` to before `stop`, or to the end: float64 `(channels, samples)`, not to be written
        to.

        Raises:
            ValueError: a start before the last one, or samples that cannot be decoded.
        """
        if start < self._start:
            raise ValueError(
                f"{self.name}: expected regions in the order of their starts, got {start} after {self._start}"
            )
        position = self._start + len(self._kept)
        if start > position and self.subtype in LOSSLESS_SUBTYPES:
            self.jump(start)
            position = start
        # A lossy file is decoded up to the start, but not all at once.
        for passed in range(position, start, BLOCK_SAMPLES):
            self._decode(min(start - passed, BLOCK_SAMPLES))
        self._kept, self._start = self._kept[start - self._start :], start
        if stop > max(position, start):
            new = self._decode(stop - max(position, start))
            self._kept = np.concatenate([self._kept, new]) if len(self._kept) else new
        return self._kept[: stop - start].T

    def jump(self, start: int) -> None:
        """
        Goes to a sample without decoding what lies before it; the next region starts there or later. Samples of a
        lossy file that are read after a jump differ a little from those that are decoded in order.
        """
        with self._in_words():
            self._stream.seek(min(start, self.num_samples))
        self._kept, self._start = np.zeros((0, self.channels)), start

    def _decode(self, num_samples: int) -> np.ndarray:
        integers = self.subtype in INTEGER_BITS
        with self._in_words():
            samples = self._stream.read(num_samples, "int32" if integers else "float64")
        return samples / 2**31 if integers else samples

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sf.LibsndfileError, OSError) as error:
            raise ValueError(f"{self.name}: cannot be read as audio ({reason_of(error)})") from error


def read_stretches(path: str | Path, stretches: Iterable[tuple[int, int]]) -> Iterator[np.ndarray]:
    """
    Parts of an audio file, each a first sample and the one after the last, in the order of their first samples:
    float64 `(channels, samples)`, not to be written to. Raises `ValueError` as [`AudioReader`] and its `read`.
    """
    with AudioReader(path) as reader:
        for first, last in stretches:
            yield reader.read(first, last)


class AudioWriter:
    """
    A file that is written block by block. [`writing_audio`] makes them.

    Args:
        path: that errors name.
        temporary: what is written to.
        sampling_rate: Hz.
        subtype, format: in libsndfile's terms.
        channels: of the audio.
        keeping: what is kept of another file's metadata, for files of this format and subtype.
        needs_finite: whether samples that are not finite are refused; otherwise floats hold them.
        settings: what the encoder of a lossy subtype is set to.
    """

    def __init__(
        self,
        path: Path,
        temporary: Path,
        *,
        sampling_rate: int,
        subtype: str,
        channels: int,
        format: str,
        keeping: Keeping | None = None,
        needs_finite: bool = True,
        settings: EncoderSettings | None = None,
    ):
        self.path, self.temporary, self.subtype = path, temporary, subtype
        self.format = format if keeping is None else keeping.format
        self._keeping, self._place, num_bytes, endian = keeping, 0, 0, "FILE"
        self._sampling_rate = sampling_rate
        self._peak, self._num_broken, self._fits = 0.0, 0, True
        self._needs_finite = needs_finite
        self._digest = hashlib.sha256()
        with self._in_words():
            if keeping is not None:
                self._place, endian = keeping.place(sampling_rate), keeping.endian
                num_bytes = sum(map(len, keeping.before))
            self._output = OutputFile(temporary, self._place, num_bytes)
            settings = settings or EncoderSettings()
            self._file = sf.SoundFile(
                self._output,
                "w",
                sampling_rate,
                channels,
                subtype,
                endian=endian,
                format=self.format,
                compression_level=settings.compression_level,
                bitrate_mode=settings.bitrate_mode,
            )

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._in_words():
            self._file.close()
        self._output.close()

    def finish(self) -> None:
        """Adds to the closed file what is kept of another file's metadata."""
        if self._keeping is not None:
            with self._in_words():
                self._keeping.finish(self.temporary, self._place)

    def write(self, block: np.ndarray) -> None:
        """Appends float `(channels, samples)`. What does not fit is counted, see [`check`], and ends the writing."""
        if block.shape[-1] == 0:
            return
        if self._needs_finite:
            self._num_broken += int(np.count_nonzero(~np.isfinite(block)))
        self._peak = max(self._peak, float(np.abs(block).max()))
        data = encode(block, self.subtype) if self._fits and not self._num_broken else None
        self._fits &= data is not None
        if data is None:
            return
        data = np.ascontiguousarray(data.T)
        self._digest.update(data.data)
        with self._in_words():
            # libsndfile's Vorbis encoder takes a write whole onto the stack, and minutes of audio do not fit there.
            for start in range(0, len(data), self._sampling_rate):
                self._file.write(data[start : start + self._sampling_rate])

    def check(self) -> None:
        """Raises `ValueError` where samples were not finite, or exceeded the range of an integer subtype."""
        if self._num_broken:
            raise ValueError(f"{self.path}: expected finite samples, got {self._num_broken} that are not")
        if not self._fits:
            raise beyond_full_scale(self.path, self._peak, self.format, self.subtype)

    def compare(self) -> None:
        """Raises `ValueError` where the closed file of a lossless subtype does not hold what was written."""
        if self.subtype not in LOSSLESS_SUBTYPES:
            return
        digest = hashlib.sha256()
        dtype = np.dtype(FLOAT_TYPES.get(self.subtype, np.int32))
        with self._in_words(), closing(Stream(self.temporary)) as stream:
            while len(block := stream.read(BLOCK_SAMPLES, dtype.name)):
                digest.update(np.ascontiguousarray(block).data)
        if digest.digest() != self._digest.digest():
            raise ValueError(
                f"{self.path}: libsndfile does not give back what it was told to write as {self.format} {self.subtype}"
            )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Says what went wrong: what the system says, where libsndfile was given less than it asked for."""
        error: Exception | None = None
        try:
            yield
        # AssertionError is what soundfile raises where not all samples were written.
        except (sf.LibsndfileError, MutagenError, OSError, AssertionError) as failure:
            error = failure
        failed = self._output.error or error if hasattr(self, "_output") else error
        if failed is not None:
            raise ValueError(f"{self.path}: cannot be written ({reason_of(failed)})") from failed


@contextmanager
def writing_audio(
    paths: Sequence[str | Path],
    *,
    sampling_rate: int,
    subtype: str,
    channels: int,
    format: str | None = None,
    like: str | Path | None = None,
    needs_finite: bool = True,
) -> Iterator[list[AudioWriter]]:
    """
    Files to write to, block by block, under temporary names in the folders of `paths`. Once the block is left without
    an error, what was written to lossless subtypes is read back and compared, and all files are renamed; after an
    error nothing is left behind, and what stood at `paths` stands there still.

    Args:
        paths: of the files; existing ones are replaced and keep their permissions, or the targets of symbolic links.
        sampling_rate: Hz.
        subtype, format: in libsndfile's terms. Default of the format: the suffix's.
        channels: of the audio.
        needs_finite: whether samples that are not finite are refused; otherwise floats hold them.
        like: an audio file whose tags, chunks, speakers and byte order are kept, as far as the format can hold them,
            and whose bit rate is kept as nearly as the encoder allows.

    Raises:
        ValueError: as [`~aidd.signals.files.write_audio`].

    Warns:
        UserWarning: what of `like` is not kept.
    """
    targets = [Path(path) for path in paths]
    for path in targets:
        check_writable(path, sampling_rate=sampling_rate, subtype=subtype, format=format, channels=channels)
    format = format or format_of(targets[0])
    keeping = None if like is None else keeping_of(like, format=format, subtype=subtype)
    settings = None if like is None else settings_like(like, format=format, subtype=subtype)
    with replacing_all(list(map(real_path, targets))) as temporaries:
        with ExitStack() as stack:
            writers = [
                stack.enter_context(
                    AudioWriter(
                        path,
                        temporary,
                        sampling_rate=int(sampling_rate),
                        subtype=subtype,
                        channels=channels,
                        format=format,
                        keeping=keeping,
                        needs_finite=needs_finite,
                        settings=settings,
                    )
                )
                for path, temporary in zip(targets, temporaries, strict=True)
            ]
            yield writers
            for writer in writers:
                writer.check()
        for writer in writers:
            writer.finish()
            writer.compare()
    if keeping is not None and keeping.losses:
        warn_at_caller(f"{targets[0]}: not kept from {like}: {'; '.join(keeping.losses)}")
