"""`aidd inpaint`: an audio file with gaps in, one without out."""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..methods import DEFAULT_MODEL, METHODS
from .damage import DETECTED_KINDS, detect, gap_mask, kinds_of, warn_of_silence_beside
from .loading import check_model, load_pipeline


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator

    from ..audio_io import Audio

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
        type=kinds_of,
        default=[],
        metavar="KINDS",
        help=f"find damage, and fill it: {','.join(DETECTED_KINDS)}, or some of them",
    )
    parser.add_argument(
        "--method",
        default="auto",
        choices=list(METHODS),
        help="how to fill the gaps (default: auto, which fills gaps of up to 5 ms by janssen and longer ones by aidd; "
        "that one uses no model up to 20 ms, but continues the edges)",
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
    found, bounds = detect(arguments.detect, source)
    mask = gap_mask(arguments, source, list(found.values()))
    warn_of_silence_beside(source, mask)
    choice = _choice(arguments, source, mask) if arguments.method == "auto" else None
    restored = _restore(arguments, source, mask)
    if len(restored) > 1 and all((other == restored[0]).all() for other in restored[1:]):
        warnings.warn(
            "the variations are all the same: gaps this short are filled by the continuation of their edges alone",
            stacklevel=1,
        )
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
    said = [
        f"{_count(num_gaps)}{of_length} by {method}"
        for method, of_length in (("janssen", f" up to {1000 * MAX_JANSSEN_SECONDS:g} ms"), ("aidd", ""))
        if (num_gaps := _num_gaps(parts[method]))
    ]
    return ", ".join(said)


def _extent(mask: np.ndarray, sampling_rate: int, verb: str) -> str:
    """How many gaps a mask has, and how long they are together, any channel's."""
    num_gaps, num_samples = _num_gaps(mask), _any_channel(mask).sum()
    return f"{_count(num_gaps)} {verb}, {num_samples / sampling_rate:.3f} s in all"


def _count(num_gaps: int) -> str:
    return f"{num_gaps} {'gap' if num_gaps == 1 else 'gaps'}"


def _num_gaps(mask: np.ndarray) -> int:
    from ..masks import find_gaps

    return len(find_gaps(_any_channel(mask)))


def _any_channel(mask: np.ndarray) -> np.ndarray:
    return mask if mask.ndim == 1 else mask.any(axis=0)


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
        check_model(arguments.model or DEFAULT_MODEL)
    elif arguments.model is not None:
        raise ValueError(f"--model goes with --method aidd or auto; {arguments.method} has no model")
    elif arguments.variations > 1:
        raise ValueError(f"--variations goes with --method aidd or auto; {arguments.method} gives one result")


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


def _restore(arguments: argparse.Namespace, source: Audio, mask: np.ndarray) -> list[np.ndarray]:
    """The variations, each float64 `(channels, samples)`."""
    generator = None
    if arguments.seed is not None:
        import torch

        generator = torch.Generator().manual_seed(arguments.seed)

    def by_model(audio: np.ndarray, mask: np.ndarray, *, sampling_rate: int, generator: Generator | None):
        pipe = load_pipeline(arguments.model or DEFAULT_MODEL)
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
