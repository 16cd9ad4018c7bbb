"""`aidd inpaint`: an audio file with gaps in, one without out."""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..repair.kinds import DETECTED_KINDS, kinds_of
from ..repair.methods import METHODS, MODEL_METHODS, check_model


if TYPE_CHECKING:
    import numpy as np
    from torch import Generator

    from ..pipelines import AIDDPipeline, SpectrogramRePaintPipeline
    from ..repair.regions import Region
    from ..repair.scan import Survey

DESCRIPTION = """\
Fills gaps in an audio file. Gaps come from --gap, in seconds, from files with --mask, or are found with --detect, or
from all of these together. What the file holds inside a gap is not listened to."""

EPILOG = """\
examples:
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --gap 8 8.1
  aidd inpaint damaged.wav restored.wav --mask labels.txt --variations 4 --seed 1
  aidd inpaint damaged.flac restored.flac --mask missing.npy --method linear
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --method spectrogram_repaint
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
  copied. An existing OUT is replaced, once all variations are ready; IN itself is never written to. IN may be of any
  length: only what lies around a gap, or around gaps within some seconds of one another, is in memory at a time.

exit code: 0 on success, 2 on bad input, with one line on stderr that says what was wrong; 130 when interrupted, 143
when terminated, with OUT as it was."""


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
        "that one uses no model up to 20 ms, but continues the edges); spectrogram_repaint is for comparing another "
        "kind of model with aidd, a diffusion of spectrograms, and takes longer",
    )
    parser.add_argument(
        "--model",
        metavar="FOLDER_OR_HUB_ID",
        help="the pipeline to use, a folder or a repository on the Hugging Face Hub: for auto and aidd an AIDD "
        "pipeline, for spectrogram_repaint a spectrogram RePaint pipeline (default: the one that comes with the "
        "package)",
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
        "that the others agree with most",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PICTURE",
        help="draw the stretch with the gaps, before and after (of several variations the first), as .png or .svg; "
        "needs matplotlib",
    )
    parser.add_argument(
        "--json", action="store_true", help="print what was done as one JSON object, instead of sentences"
    )
    parser.add_argument(
        "--subtype", metavar="S", help="encoding of the samples, such as PCM_16, PCM_24, FLOAT (default: that of IN)"
    )


def inpaint(arguments: argparse.Namespace) -> None:
    from ..masks.gaps import unite
    from ..repair.clipping import within_bounds
    from ..repair.damage import detect, found_gaps, given_gaps, warn_of_silence_beside
    from ..repair.filling import inpaint_file
    from ..repair.plan import MAX_JANSSEN_SECONDS, filled_by, needs_pipeline
    from ..repair.recipe import method_for
    from ..repair.scan import survey_audio
    from ..signals.formats import check_writable

    began = time.perf_counter()
    _check_options(arguments)
    survey = survey_audio(arguments.input)
    outputs = _output_paths(arguments)
    subtype, format = _encoding(arguments.output, survey, arguments.subtype)
    for output in outputs:
        check_writable(
            output, sampling_rate=survey.sampling_rate, subtype=subtype, format=format, channels=survey.channels
        )
    damage = detect(arguments.detect, survey)
    found = found_gaps(arguments.detect, damage)
    given = given_gaps(arguments.gap, arguments.mask, survey)
    gaps = [unite(of_channel) for of_channel in zip(given, *found.values(), strict=True)]
    _check_any(arguments, gaps)
    warn_of_silence_beside(damage.dropouts, gaps, sampling_rate=survey.sampling_rate)
    if arguments.variations > 1 and not needs_pipeline(arguments.method, gaps, sampling_rate=survey.sampling_rate):
        raise ValueError(
            f"--variations goes with gaps of more than {1000 * MAX_JANSSEN_SECONDS:g} ms: shorter ones are filled by "
            "janssen, which gives one result"
        )
    pipe = model = None
    if needs_pipeline(arguments.method, gaps, sampling_rate=survey.sampling_rate):
        model = arguments.model or MODEL_METHODS[arguments.method]
        from ..pipelines.loading import load_pipeline

        pipe = load_pipeline(model, arguments.method)
    method, locality = method_for(
        arguments.method, sampling_rate=survey.sampling_rate, pipeline=pipe, num_variations=arguments.variations
    )
    if "clipping" in found:
        method = within_bounds(method, damage)
    inpaint_file(
        survey,
        outputs,
        gaps,
        method,
        locality=locality,
        generator=_generator(arguments.seed),
        subtype=subtype,
        format=format,
        progress=partial(_progress, pipe),
    )

    by = filled_by(
        arguments.method,
        gaps,
        num_samples=survey.num_samples,
        sampling_rate=survey.sampling_rate,
        pipeline=pipe,
    )
    if arguments.plot is not None:
        from .picture import write_picture

        write_picture(arguments.plot, arguments.input, outputs[0], unite(gaps))
    seconds = time.perf_counter() - began
    if arguments.json:
        print(json.dumps(_report(arguments, survey, model, outputs, gaps, by, found, seconds)))
        return
    for kind, of_kind in found.items():
        print(f"{arguments.input}: {kind}: {_extent(of_kind, survey.sampling_rate, 'found')}")
    print(f"{arguments.input}: {_shares(gaps, by)}")
    filled = _extent(gaps, survey.sampling_rate, "filled")
    for output in outputs:
        print(f"{output}: {filled}, in {seconds:.1f} s")


def _report(
    arguments: argparse.Namespace,
    survey: Survey,
    model: str | None,
    outputs: list[Path],
    gaps: list[np.ndarray],
    by: list[list[str]],
    found: dict[str, list[np.ndarray]],
    seconds: float,
) -> dict:
    """What `--json` prints. Gaps are in samples, starts and exclusive ends; the model is one that had a part."""
    return {
        "version": __version__,
        "input": str(arguments.input),
        "outputs": [str(output) for output in outputs],
        "sampling_rate": survey.sampling_rate,
        "channels": survey.channels,
        "num_samples": survey.num_samples,
        "method": arguments.method,
        "model": model if any(name in MODEL_METHODS for names in by for name in names) else None,
        "seed": arguments.seed,
        "filled_by": by,
        "gaps": [of_channel.tolist() for of_channel in gaps],
        "found": {kind: [of_channel.tolist() for of_channel in of_kind] for kind, of_kind in found.items()},
        "seconds": round(seconds, 3),
    }


def _progress(pipe: AIDDPipeline | SpectrogramRePaintPipeline | None, regions: list[Region]) -> Iterable[Region]:
    """One bar: of one region, the pipeline's own; of several, of these, where they take long."""
    from tqdm.auto import tqdm

    if len(regions) == 1:
        return regions
    if pipe is not None:
        pipe.set_progress_bar_config(disable=True)
    return tqdm(regions, unit="region", delay=1)


def _check_any(arguments: argparse.Namespace, gaps: list[np.ndarray]) -> None:
    if any(map(len, gaps)):
        return
    if arguments.detect:
        nothing = f"{arguments.input}: found no {' and no '.join(arguments.detect)}"
        raise ValueError(f"{nothing}, and no other gap is given")
    raise ValueError(f"{', '.join(map(str, arguments.mask))}: nothing is marked as missing (True = missing)")


def _shares(gaps: list[np.ndarray], by: list[list[str]]) -> str:
    """How many gaps were filled by what, any channel's."""
    from ..masks.gaps import unite
    from ..repair.plan import CONTINUATION

    said = {CONTINUATION: "the continuation of their edges"}
    parts = []
    for name in dict.fromkeys(name for of_channel in by for name in of_channel):
        of_name = [of_channel[[one == name for one in names]] for of_channel, names in zip(gaps, by, strict=True)]
        parts.append(f"{_count(len(unite(of_name)))} by {said.get(name, name)}")
    return ", ".join(parts)


def _extent(gaps: list[np.ndarray], sampling_rate: int, verb: str) -> str:
    """How many gaps there are, and how long they are together, any channel's."""
    from ..masks.gaps import num_missing, unite

    of_any_channel = unite(gaps)
    seconds = num_missing(of_any_channel) / sampling_rate
    return f"{_count(len(of_any_channel))} {verb}, {seconds:.3f} s in all"


def _count(num_gaps: int) -> str:
    return f"{num_gaps} {'gap' if num_gaps == 1 else 'gaps'}"


def _check_options(arguments: argparse.Namespace) -> None:
    if not arguments.gap and not arguments.mask and not arguments.detect:
        raise ValueError(
            "no gap given: say what is missing with --gap START END or --mask FILE, or find it with --detect KINDS"
        )
    if arguments.variations < 1:
        raise ValueError(f"--variations must be at least 1, got {arguments.variations}")
    if arguments.plot is not None:
        if arguments.plot.suffix not in (".png", ".svg"):
            raise ValueError(f"--plot {arguments.plot}: expected a picture's name, *.png or *.svg")
        if arguments.plot.is_dir():
            raise ValueError(f"--plot {arguments.plot}: is a folder")
        if not arguments.plot.parent.is_dir():
            raise ValueError(f"--plot {arguments.plot}: no such folder: {arguments.plot.parent}")
        if importlib.util.find_spec("matplotlib") is None:
            raise ValueError('--plot needs matplotlib: pip install "aidd[report]"')
    if arguments.seed is not None and not 0 <= arguments.seed < 2**63:
        raise ValueError(f"--seed must lie in [0, 2^63), got {arguments.seed}")
    if arguments.method in MODEL_METHODS:
        check_model(arguments.model or MODEL_METHODS[arguments.method])
        return
    *others, last = MODEL_METHODS
    methods = f"{', '.join(others)} or {last}"
    if arguments.model is not None:
        raise ValueError(f"--model goes with --method {methods}; {arguments.method} has no model")
    if arguments.variations > 1:
        raise ValueError(f"--variations goes with --method {methods}; {arguments.method} gives one result")


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


def _encoding(output: Path, source: Survey, subtype: str | None) -> tuple[str, str]:
    """Subtype and format to write: the input's, as far as the output's suffix allows."""
    import soundfile as sf

    from ..signals.formats import FORMATS, LOSSLESS_SUBTYPES, format_of

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


def _generator(seed: int | None) -> Generator | None:
    if seed is None:
        return None
    import torch

    return torch.Generator().manual_seed(seed)
