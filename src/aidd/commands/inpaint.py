"""`aidd inpaint`: an audio file with gaps in, one without out."""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from ..methods import DEFAULT_MODEL, METHODS


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator

    from ..audio_io import Audio
    from ..pipelines import AIDDPipeline

DESCRIPTION = """\
Fills gaps in an audio file. Gaps come from --gap, in seconds, from files with --mask, or are found with --detect, or
from all of these together. What the file holds inside a gap is not listened to."""

EPILOG = """\
examples:
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --gap 8 8.1
  aidd inpaint damaged.wav restored.wav --mask labels.txt --variations 4 --seed 1
  aidd inpaint damaged.flac restored.flac --mask missing.npy --method linear
  aidd inpaint damaged.wav restored.wav --detect dropouts,clicks,clipping --subtype FLOAT

masks:
  A .npy mask is bool, (samples,) or (1, samples) for all channels alike, or (channels, samples). True means MISSING:
  to be filled. (Some other programs mean the opposite.) A .txt mask is a label track as Audacity exports it: every
  label is a gap.

detection:
  dropouts are runs of silence, or of one value, with an abrupt edge on both sides; clicks, samples that the music
  around them does not predict, for up to 3 ms; clipping, the samples of a channel's highest or lowest value, where it
  stays at that. Each channel has its own. Restored peaks lie beyond the value they were clipped at, and may need
  --subtype FLOAT.

output:
  Rate and channels are those of IN. Format and subtype are too, where the suffix of OUT allows. A suffix of another
  format keeps the subtype if that is lossless and the format has it (PCM_16 from .wav to .flac); else --subtype must
  say which to take. A subtype with fewer bits than IN's rounds all samples, those outside the gaps too. Tags are not
  copied. An existing OUT is replaced, once all variations are ready; IN itself is never written to.

exit code: 0 on success, 2 on bad input, with one line on stderr that says what was wrong; 130 when interrupted, 143
when terminated, with OUT as it was."""


DETECTED_KINDS = ("dropouts", "clicks", "clipping")
# Methods that --model and --variations go with.
MODEL_METHODS = ("auto", "aidd")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Adds the command's arguments, and help, to the command line."""
    parser = commands.add_parser(
        "inpaint",
        help="fill gaps in an audio file",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=inpaint)
    parser.add_argument("input", metavar="IN", type=Path, help="audio file with gaps")
    parser.add_argument("output", metavar="OUT", type=Path, help="audio file to write")
    parser.add_argument(
        "--gap",
        nargs=2,
        type=float,
        action="append",
        default=[],
        metavar=("START", "END"),
        help="a gap, from START to END in seconds; may be given many times",
    )
    parser.add_argument(
        "--mask",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="gaps: a bool .npy array or Audacity's labels (.txt); may be given many times",
    )
    parser.add_argument(
        "--detect",
        type=_kinds,
        default=[],
        metavar="KINDS",
        help=f"find damage, and fill it: {','.join(DETECTED_KINDS)}, or some of them",
    )
    parser.add_argument(
        "--method",
        default="auto",
        choices=list(METHODS),
        help="how to fill the gaps (default: auto, which fills very short ones by janssen and the rest by aidd)",
    )
    parser.add_argument(
        "--model",
        metavar="FOLDER_OR_HUB_ID",
        help="the AIDD pipeline to use, a folder or a repository on the Hugging Face Hub (default: the one that comes "
        "with the package)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="same seed, same audio (default: another result every time)"
    )
    parser.add_argument(
        "--variations",
        type=int,
        default=1,
        metavar="N",
        help="with N above 1, write N different results: OUT with -1, -2, ... before its suffix, -1 with the fillings "
        "that continue the gaps' edges best",
    )
    parser.add_argument(
        "--subtype", metavar="S", help="encoding of the samples, such as PCM_16, PCM_24, FLOAT (default: that of IN)"
    )


def inpaint(arguments: argparse.Namespace) -> None:
    from ..audio_io import LOSSLESS_SUBTYPES, check_writable, read_audio, write_audio_files
    from ..masks import project_to_bounds

    began = time.perf_counter()
    _check_options(arguments)
    source = read_audio(arguments.input)
    outputs = _output_paths(arguments)
    subtype, format = _encoding(arguments.output, source, arguments.subtype)
    for output in outputs:
        check_writable(
            output, sampling_rate=source.sampling_rate, subtype=subtype, format=format, channels=len(source.samples)
        )
    found, bounds = _detect(arguments.detect, source)
    mask = _mask(arguments, source, list(found.values()))
    choice = _choice(arguments, source, mask) if arguments.method == "auto" else None
    restored = _restore(arguments, source, mask)
    if bounds is not None:
        restored = [project_to_bounds(audio, found["clipping"], *bounds) for audio in restored]
    write_audio_files(outputs, restored, sampling_rate=source.sampling_rate, subtype=subtype, format=format)
    if subtype not in LOSSLESS_SUBTYPES:
        warnings.warn(f"{subtype} is lossy: encoding has changed samples outside the gaps too", stacklevel=1)

    for kind, of_kind in found.items():
        print(f"{arguments.input}: {kind}: {_extent(of_kind, source.sampling_rate, 'found')}")
    if choice is not None:
        print(f"{arguments.input}: {choice}")
    filled = _extent(mask, source.sampling_rate, "filled")
    for output in outputs:
        print(f"{output}: {filled}, in {time.perf_counter() - began:.1f} s")


def _choice(arguments: argparse.Namespace, source: Audio, mask: np.ndarray) -> str:
    """What `auto` fills by which method."""
    from ..auto import MAX_JANSSEN_SECONDS, choose

    parts = choose(mask, sampling_rate=source.sampling_rate)
    if arguments.variations > 1 and not parts["aidd"].any():
        raise ValueError(
            f"--variations goes with gaps of more than {1000 * MAX_JANSSEN_SECONDS:g} ms: shorter ones are filled by "
            "janssen, which gives one result"
        )
    num_short, num_longer = _num_gaps(parts["janssen"]), _num_gaps(parts["aidd"])
    gaps = "gap" if num_short == 1 else "gaps"
    return f"{num_short} {gaps} up to {1000 * MAX_JANSSEN_SECONDS:g} ms by janssen, {num_longer} by aidd"


def _extent(mask: np.ndarray, sampling_rate: int, verb: str) -> str:
    """How many gaps a mask has, and how long they are together, any channel's."""
    num_gaps, num_samples = _num_gaps(mask), _any_channel(mask).sum()
    return f"{num_gaps} {'gap' if num_gaps == 1 else 'gaps'} {verb}, {num_samples / sampling_rate:.3f} s in all"


def _num_gaps(mask: np.ndarray) -> int:
    from ..masks import find_gaps

    return len(find_gaps(_any_channel(mask)))


def _any_channel(mask: np.ndarray) -> np.ndarray:
    return mask if mask.ndim == 1 else mask.any(axis=0)


def _kinds(text: str) -> list[str]:
    """The value of --detect: kinds in the order in which they are known, each once."""
    kinds = text.split(",")
    for kind in kinds:
        if kind not in DETECTED_KINDS:
            raise argparse.ArgumentTypeError(
                f"expected kinds out of {', '.join(DETECTED_KINDS)}, parted by commas, got {kind!r}"
            )
    return [kind for kind in DETECTED_KINDS if kind in kinds]


def _detect(kinds: list[str], source: Audio) -> tuple[dict[str, np.ndarray], list[np.ndarray] | None]:
    """Of every kind, bool `(channels, samples)`; and lower and upper bounds of clipped samples, where asked for."""
    from ..masks import find_clicks, find_clipping, find_dropouts

    found: dict[str, np.ndarray] = {}
    bounds = None
    if "dropouts" in kinds:
        found["dropouts"] = find_dropouts(source.samples, sampling_rate=source.sampling_rate)
    if "clicks" in kinds:
        found["clicks"] = find_clicks(source.samples, sampling_rate=source.sampling_rate)
    if "clipping" in kinds:
        found["clipping"], *bounds = find_clipping(source.samples)
    return found, bounds


def _check_options(arguments: argparse.Namespace) -> None:
    if not arguments.gap and not arguments.mask and not arguments.detect:
        raise ValueError(
            "no gap given: say what is missing with --gap START END or --mask FILE, or find it with --detect KINDS"
        )
    if arguments.variations < 1:
        raise ValueError(f"--variations must be at least 1, got {arguments.variations}")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**63:
        raise ValueError(f"--seed must lie in [0, 2^63), got {arguments.seed}")
    if arguments.method in MODEL_METHODS:
        _check_model(arguments.model or DEFAULT_MODEL)
    elif arguments.model is not None:
        raise ValueError(f"--model goes with --method aidd or auto; {arguments.method} has no model")
    elif arguments.variations > 1:
        raise ValueError(f"--variations goes with --method aidd or auto; {arguments.method} gives one result")


def _check_model(model: str) -> None:
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"{model}: the folder holds no pipeline (no model_index.json)")
    elif folder.exists() or not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", model):
        raise ValueError(f"{model}: no such model folder, and not the name of a repository on the Hub (owner/name)")


def _output_paths(arguments: argparse.Namespace) -> list[Path]:
    """OUT, or its variations."""
    paths = [arguments.output]
    if arguments.variations > 1:
        stem, suffix = arguments.output.stem, arguments.output.suffix
        paths = [arguments.output.with_name(f"{stem}-{i}{suffix}") for i in range(1, arguments.variations + 1)]
    for path in paths:
        if path.exists() and path.samefile(arguments.input):
            raise ValueError(f"{path}: OUT is IN; the input is never written to, choose another name")
    return paths


def _encoding(output: Path, source: Audio, subtype: str | None) -> tuple[str, str]:
    """Subtype and format to write: the input's, as far as the output's suffix allows."""
    import soundfile as sf

    from ..audio_io import FORMATS, LOSSLESS_SUBTYPES, format_of

    default_format = format_of(output)
    kept = source.format in FORMATS[output.suffix.lower()]
    format = source.format if kept else default_format
    subtypes = list(sf.available_subtypes(format))
    if subtype is None:
        if not kept and not (source.subtype in LOSSLESS_SUBTYPES and source.subtype in subtypes):
            raise ValueError(
                f"{output}: {source.format} {source.subtype} does not carry over to {format}; "
                f"choose --subtype from {', '.join(subtypes)}"
            )
        subtype = source.subtype
    return subtype, format


def _mask(arguments: argparse.Namespace, source: Audio, found: list[np.ndarray]) -> np.ndarray:
    """
    bool `(samples,)`, or `(channels, samples)` where a file says so or damage was looked for: the gaps of all options
    together, and what was found.
    """
    import numpy as np

    from ..mask_io import read_mask
    from ..masks import mask_from_seconds

    channels, num_samples = source.samples.shape
    mask = np.zeros(num_samples, bool)
    if arguments.gap:
        starts, ends = zip(*arguments.gap, strict=True)
        mask = mask_from_seconds(starts, ends, num_samples=num_samples, sampling_rate=source.sampling_rate)
    for path in arguments.mask:
        from_file = read_mask(path, num_samples=num_samples, sampling_rate=source.sampling_rate)
        if from_file.ndim == 2 and len(from_file) not in (1, channels):
            raise ValueError(f"{path}: expected a mask of {channels} channels, or of 1 for all, got {len(from_file)}")
        mask = mask | from_file
    for of_kind in found:
        mask = mask | of_kind
    if not mask.any() and arguments.detect:
        nothing = f"{arguments.input}: found no {' and no '.join(arguments.detect)}"
        raise ValueError(f"{nothing}, and no other gap is given")
    if not mask.any():
        raise ValueError(f"{', '.join(map(str, arguments.mask))}: nothing is marked as missing (True = missing)")
    return mask


def _restore(arguments: argparse.Namespace, source: Audio, mask: np.ndarray) -> list[np.ndarray]:
    """The variations, each float64 `(channels, samples)`."""
    generator = None
    if arguments.seed is not None:
        import torch

        generator = torch.Generator().manual_seed(arguments.seed)

    def by_model(audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: Generator | None):
        pipe = _load(arguments.model or DEFAULT_MODEL)
        return pipe(
            audio,
            mask,
            sampling_rate=sampling_rate,
            generator=generator,
            num_variations=arguments.variations,
            select="ranked",
        ).audios

    if arguments.method == "aidd":
        method = by_model
    elif arguments.method == "auto":
        from ..auto import auto_with

        method = partial(auto_with, by_model)
    else:
        method = METHODS[arguments.method]
    audios = method(source.samples, mask, sampling_rate=source.sampling_rate, generator=generator)
    return list(audios) if arguments.variations > 1 else [audios]


def _load(model: str) -> AIDDPipeline:
    with _quiet_libraries():
        from .. import AIDDPipeline

        try:
            return AIDDPipeline.from_pretrained(model)
        # All exceptions: a damaged folder fails in whatever way the libraries that read its parts choose.
        except Exception as error:
            reason = str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
            raise ValueError(
                f"{model}: cannot be loaded as an AIDD pipeline: {shorten(reason, 300, placeholder=' ...')}"
            ) from error


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Inside, diffusers and transformers log nothing and draw no progress bars: errors are this command's to tell."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    settings = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.set_verbosity(library.CRITICAL)
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, (verbosity, progress) in zip(libraries, settings, strict=True):
            library.set_verbosity(verbosity)
            if progress:
                library.enable_progress_bar()
