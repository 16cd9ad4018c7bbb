"""`aidd inpaint`: an audio file with gaps in, one without out."""

from __future__ import annotations

import argparse
import gc
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..repair.methods import CELL_FUNCTIONS, CELL_MODEL_METHOD, METHODS
from ..repair.request import DEFAULT_SENSITIVITY, DETECTED_KINDS, RepairRequest, RequestError
from . import changed, trials
from .console import DONE, EXIT_CODES, NOTHING_TO_REPAIR, Console
from .places import check_place
from .sentences import print_preview, print_report


if TYPE_CHECKING:
    from ..repair.recorder import Recorder
    from ..repair.regions import Region
    from ..repair.report import RepairReport

DESCRIPTION = """\
Fills gaps in an audio file. Gaps are given by --gap, in seconds, or by files with --mask, or are found by --detect, or
by all of these together. What the file holds inside a gap is not used."""

EPILOG = f"""\
examples:
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --gap 8 8.1
  aidd inpaint damaged.wav restored.wav --mask labels.txt --variations 4 --seed 1
  aidd inpaint damaged.flac restored.flac --mask missing.npy --method linear
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --method spectrogram_repaint
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --method my_module:my_method
  aidd inpaint damaged.wav restored.wav --gap 3.2 3.95 --method best --candidates lines,aidd,my_module:my_method
  aidd inpaint damaged.wav restored.wav --box 300 1500 3.2 3.4 --box 45 55 0 8
  aidd inpaint damaged.wav restored.wav --detect dropouts,clicks,clipping --subtype FLOAT

  Gaps and boxes of one recording, in turn:
  aidd inpaint damaged.wav filled.wav --detect dropouts --report gaps.json --difference gaps.wav
  aidd inpaint filled.wav restored.wav --box 300 1500 3.2 3.4 --report boxes.json --difference boxes.wav

masks:
  A .npy mask is bool, (samples,) or (1, samples) for all channels alike, or (channels, samples). True means MISSING:
  to be filled. (Some other programs mean the opposite.) A .txt mask is a label track as Audacity exports it: every
  label is a gap.

boxes:
  --box, and labels with frequencies (Audacity's spectral selection), mark a part of the spectrum: a cough, a
  telephone, a hum. auto fills it by log_magnitude, which draws lines through the magnitudes on both sides;
  spectrogram_repaint is a model, up to 12 kHz. Samples outside the frames of a box, which reach up to 43 ms further,
  stay as they are. Inside, other frequencies change as far as frames overlap; how much is printed, in dB. Boxes are
  filled in one way, without --variations, and cannot be looked at by --dry-run. Boxes together with gaps are refused:
  fill the gaps, and then the boxes in the output. To take both back with aidd revert, begin with the report of the
  boxes.

detection:
  Dropouts are runs of silence, or of one value, with an abrupt edge on both sides. Silence of more than 0.75 s, and
  silences that come regularly or take up much of the recording, are pauses: they are left, with a warning that says
  where. Clicks are up to 3 ms of samples that the music around them does not predict. Where the music is another after
  them than before, they are the attack of a note, and left. Clipping is where many peaks are cut at one value. Each
  channel is searched by itself. --sensitivity is measured on clean music, see docs/detection_study.md. Thirty clicks
  a second and more are broadband crackle, which is refused. Restored peaks lie beyond the value that they were clipped
  at, and may need --subtype FLOAT.

methods:
  auto fills gaps of up to 5 ms by janssen, gaps of up to 20 ms by the autoregressive continuation of both edges
  (reported as continuation), gaps of up to 70 ms by u_phain, and longer ones by the model aidd. spectrogram_repaint
  is another kind of model, a diffusion of spectrograms, to compare aidd with; it takes longer. cqtdiff, a diffusion of
  waveforms, needs a model of yours: docs/cqtdiff.md shows how to train one. A gap that is longer than the model fills
  (1.40 s with the default one) is refused before anything is loaded, or filled by --fallback. A function of yours is
  given as package.module:function, and called as function(audio, mask, sampling_rate=..., generator=...) with the
  whole recording. Samples outside the gaps must come back as they were.

{trials.EPILOG}

output:
  Rate and channels are those of IN. Format and subtype are too, where the suffix of OUT allows. A suffix of another
  format keeps the subtype if that is lossless and the format has it (PCM_16 from .wav to .flac); otherwise --subtype
  must be given. A subtype with fewer bits than IN's rounds all samples, those outside the gaps too; a lossy one
  changes them, at the bit rate of IN as nearly as the encoder allows. A warning says by how many dB. Fillings are
  held within full scale. WAV beyond 4 GiB is written as RF64. Tags, pictures, chunks of WAV, AIFF, CAF and Wave64
  files, speakers, valid bits and byte order are kept where the format of OUT can hold them; a warning names what is
  not kept. Files whose header or stream is damaged are read as far as they can be, with silence in the place of
  holes, so that times stay as they are; a warning says where. An existing OUT is replaced once all variations are
  ready; IN itself is never written to. IN may be of any length: only what lies around a gap, or around gaps within
  some seconds of one another, is in memory at a time.

{changed.EPILOG}

  --json prints a report whatever the end is, but for bad input: its exit_code, errors and warnings tell of the end.

{EXIT_CODES}"""


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
        type=_time,
        action="append",
        default=[],
        metavar=("START", "END"),
        help="a gap, from START to END in seconds (62.5), or as 1:02.5 or 0:01:02.5; may be given many times",
    )
    parser.add_argument(
        "--mask",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="gaps: a bool .npy array or Audacity's labels (.txt), of which those with frequencies are boxes; may be "
        "given many times",
    )
    parser.add_argument(
        "--box",
        nargs=4,
        type=_frequency_or_time,
        action="append",
        default=[],
        metavar=("F_LOW", "F_HIGH", "START", "END"),
        help="a hole in the spectrogram, from F_LOW to F_HIGH in Hz, and from START to END; may be given many times, "
        "but not together with gaps",
    )
    parser.add_argument(
        "--detect",
        type=lambda kinds: kinds.split(","),
        default=[],
        metavar="KINDS",
        help=f"find damage, and fill it: one or more of {', '.join(DETECTED_KINDS)}, separated by commas",
    )
    parser.add_argument(
        "--sensitivity",
        type=float,
        default=DEFAULT_SENSITIVITY,
        metavar="N",
        help="how many false alarms a minute to expect of each kind in clean music, from 0.1 to 10: with more of "
        "them, more damage is found (default: %(default)s)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be repaired and how, with the density of what was found, and write nothing",
    )
    parser.add_argument(
        "--method",
        default="auto",
        metavar="METHOD",
        help=f"what fills the gaps: {', '.join(METHODS)}, or a function of yours as package.module:function; or the "
        f"boxes: auto, {', '.join(CELL_FUNCTIONS)}, {CELL_MODEL_METHOD} (default: auto)",
    )
    parser.add_argument(
        "--fallback",
        metavar="METHOD",
        help="a method without a model, such as envelope_noise, for gaps that are longer than the model fills "
        "(default: they are refused)",
    )
    trials.add_arguments(parser)
    parser.add_argument(
        "--model",
        metavar="FOLDER_OR_HUB_ID",
        help="the pipeline to use, a folder or a repository on the Hugging Face Hub: an AIDD pipeline for auto and "
        "aidd, a spectrogram RePaint pipeline for spectrogram_repaint (default: the one that comes with the package), "
        "or a CQT-Diff+ pipeline for cqtdiff (which has no default)",
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
        help="draw the part with the gaps, before and after (for several variations the first), and each of up to 12 "
        "gaps on its own, as .png or .svg; needs matplotlib",
    )
    changed.add_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print what was done as one JSON object, instead of sentences"
    )
    parser.add_argument(
        "--subtype", metavar="S", help="encoding of the samples, such as PCM_16, PCM_24, FLOAT (default: that of IN)"
    )


def _time(text: str) -> float:
    """Seconds of a time, [`~aidd.masks.times.seconds_of`]."""
    from ..masks.times import seconds_of

    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _frequency_or_time(text: str) -> float:
    """A number, which may be Hz or seconds, or a time."""
    try:
        return _time(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected a frequency in Hz, such as 300, or a time in seconds, such as 62.5, or as 1:02.5, got {text!r}"
        ) from None


# Options that are not called like the field of a request that they set.
OPTIONS = {"gaps": "gap", "boxes": "box", "masks": "mask", "num_variations": "variations", "adapt_seconds": "adapt"}


def inpaint(arguments: argparse.Namespace, console: Console) -> int:
    """Repairs a file as the arguments say, and prints what was done. Returns the exit code."""
    _check_options(arguments)
    if arguments.json:
        console.answer = {"input": str(arguments.input), "outputs": []}
    from ..repair.recipe import NothingToRepairError

    recorder = changed.recorder_for(arguments)
    try:
        report = _repair(arguments, recorder)
    except NothingToRepairError as nothing:
        if arguments.json:
            console.answer = nothing.report.to_dict()
        console.error(str(nothing))
        return NOTHING_TO_REPAIR
    if arguments.json:
        console.answer = report.to_dict()
    if arguments.dry_run:
        if not arguments.json:
            print_preview(report)
        return DONE
    console.done = True
    if not arguments.json:
        print_report(report)
    with console.telling("what was changed"):
        lines = changed.write(arguments, report, recorder)
        if not arguments.json:
            print("".join(f"{line}\n" for line in lines), end="")
    if arguments.plot is not None:
        with console.telling(f"the picture {arguments.plot}"):
            _draw(arguments.plot, report)
    return DONE


def _draw(path: Path, report: RepairReport) -> None:
    from ..masks.gaps import unite
    from .picture import write_picture

    write_picture(path, Path(report.input), Path(report.outputs[0]), unite(report.gaps))


def _repair(arguments: argparse.Namespace, recorder: Recorder | None) -> RepairReport:
    """What the library says of fields of a request and of encodings, it says of the options that set them."""
    try:
        request = RepairRequest(
            gaps=arguments.gap,
            masks=arguments.mask,
            boxes=arguments.box,
            detect=arguments.detect,
            method=arguments.method,
            model=arguments.model,
            seed=arguments.seed,
            num_variations=arguments.variations,
            subtype=arguments.subtype,
            sensitivity=arguments.sensitivity,
            fallback=arguments.fallback,
            candidates=arguments.candidates,
            trial_seconds=arguments.trial_seconds,
            adapt_seconds=arguments.adapt,
            save_adapter=arguments.save_adapter,
            adapter=arguments.adapter,
        )
        # numpy and soundfile are imported for requests that can be met.
        from ..repair.recipe import preview_file, repair_file
        from ..signals.formats import SubtypeError

        try:
            if arguments.dry_run:
                return preview_file(arguments.input, arguments.output, request)
            return repair_file(arguments.input, arguments.output, request, recorder=recorder, progress=_begin)
        except SubtypeError as error:
            raise ValueError(f"{error.problem}; choose --subtype {error.proposal}") from error
    except RequestError as error:
        raise ValueError(f"--{OPTIONS.get(error.field, error.field.replace('_', '-'))} {error.problem}") from error


def _begin(regions: list[Region]) -> Iterable[Region]:
    """
    Keeps the garbage collector from what is loaded by now, libraries and a model, which lasts as long as the process.
    Shows a bar of several regions if they take long. A single region has the pipeline's own.
    """
    from tqdm.auto import tqdm

    gc.freeze()
    return regions if len(regions) == 1 else tqdm(regions, unit="region", delay=1)


def _check_options(arguments: argparse.Namespace) -> None:
    if not (arguments.gap or arguments.mask or arguments.detect or arguments.box):
        raise ValueError(
            "no gap given: say what is missing with --gap START END or --mask FILE, or find it with --detect KINDS; "
            "or give a hole in the spectrogram, --box F_LOW F_HIGH START END"
        )
    changed.check(arguments)
    if arguments.plot is not None:
        if arguments.plot.suffix not in (".png", ".svg"):
            raise ValueError(f"--plot {arguments.plot}: expected a picture's name, *.png or *.svg")
        check_place("--plot", arguments.plot)
        if importlib.util.find_spec("matplotlib") is None:
            raise ValueError('--plot needs matplotlib: pip install "aidd[report]"')
