"""
Study what the geometry of a mask does: every method, on music and on synthetic signals, where gaps are missing or
boxes, bands and scattered cells of spectrograms, by how much is missing and in which shape; what RePaint's presets
cost and achieve; and a chirp that is too loud for its converter.

    accelerate launch examples/studies/study_geometry.py --output_dir outputs/geometry --report_dir docs/geometry_study

Needs nothing but the package and this repository. In the output folder are signals, an evaluation a part, each with
tables and pages to look and listen, and `chirp.png`. The report folder, which has to hold a `description.md`, gets
what is to be read of them (`examples/cards/write_report.py`). A run that was stopped goes on where it stood, in
however many processes.

Parts: `gaps_music`, `gaps_synthetic` (protocol `tf_gaps`), `masks_music`, `masks_synthetic` (`tf_masks`), `presets`
(`tf_presets`). Synthetic signals are chirps, tones with vibrato, clicks with tones, noise with formants, a few of
each, and piano phrases that were rendered from notes.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from saturation_figure import saturation_figure
from synthetic_signals import SYNTHETIC_SIGNALS, saturating_chirp
from tqdm.auto import tqdm

import aidd
from aidd.detection import find_clipping
from aidd.evaluation.embedders import RandomProjectionEmbedder
from aidd.evaluation.methods.method_set import MethodSet
from aidd.evaluation.methods.names import ANCHORS
from aidd.evaluation.metrics import snr_in_gap
from aidd.evaluation.protocols.manifest import thaw
from aidd.evaluation.protocols.selection import Selection
from aidd.evaluation.recipe import MANIFEST, EvaluationRequest, fill_and_measure, prepare, recordings, report
from aidd.evaluation.reports.plots import save_figure
from aidd.evaluation.runs import provenance
from aidd.evaluation.runs.runner import run
from aidd.masks.cells import columns, frames_touched
from aidd.repair.clipping import restore_saturated
from aidd.schedulers.repaint import PRESETS, num_network_calls
from aidd.signals.files import write_audio
from aidd.signals.stft import stft


RATE = 24_000
SECONDS = 3.0
RENDERED = Path(__file__).parents[1] / "audio" / "rendered_piano"
GAP_METHODS = (*ANCHORS, "log_magnitude", "spectrogram_repaint")
# Peaks beyond this are cut off.
SATURATION = 0.05
# Clipped peaks of one swell, at 200 Hz, are 2.5 ms apart.
JOIN_SECONDS = 0.01
CHIRP = "chirp.png"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder of all that is computed.")
    parser.add_argument("--report_dir", type=Path, help="Folder of a page of it, with description.md.")
    parser.add_argument(
        "--data", nargs="+", default=[], help="Folders of music; what comes with the package by default."
    )
    parser.add_argument("--model", default=aidd.DEFAULT_MODEL, help="Folder or Hub id of the AIDD model.")
    parser.add_argument("--spectrogram_model", default=aidd.DEFAULT_SPECTROGRAM_MODEL)
    parser.add_argument("--spectrogram_dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--num_signals", type=int, default=1, help="Signals of each synthetic kind; up to 4 rendered.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--presets", nargs="+", choices=PRESETS, default=list(PRESETS), help="Presets to compare in the part presets."
    )
    parser.add_argument("--gap_protocol", default="tf_gaps", help="Protocol of the gaps, a name or a file.")
    parser.add_argument("--mask_protocol", default="tf_masks", help="Protocol of the missing cells, a name or a file.")
    parser.add_argument("--preset_protocol", default="tf_presets", help="Protocol of the presets, a name or a file.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def write_signals(folder: Path, number: int, seed: int) -> None:
    """Writes synthetic and rendered signals, a folder for each kind."""
    for place, (kind, function) in enumerate(SYNTHETIC_SIGNALS.items()):
        for one in range(number):
            path = folder / kind / f"{one}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            signal = function(round(SECONDS * RATE), RATE, np.random.default_rng([seed, place, one]))
            write_audio(path, signal, sampling_rate=RATE, subtype="PCM_24")
    rendered = folder / RENDERED.name
    rendered.mkdir(exist_ok=True)
    for path in sorted(RENDERED.glob("*.flac"))[:number]:
        shutil.copyfile(path, rendered / path.name)


def evaluation(args: argparse.Namespace, accelerator: Accelerator, part: str, signals: list[Path]) -> None:
    """Runs a part that is an evaluation like those of `aidd evaluate`."""
    request = request_of(
        args,
        part,
        protocol=args.gap_protocol if part.startswith("gaps") else args.mask_protocol,
        data=tuple(map(str, args.data if part.endswith("music") else signals)),
        methods=GAP_METHODS if part.startswith("gaps") else (),
    )
    in_many_processes(request, accelerator, fill_and_measure)


def presets(args: argparse.Namespace, accelerator: Accelerator, part: str, signals: list[Path]) -> None:
    """Runs RePaint's presets, as methods of one evaluation on music."""
    request = request_of(args, part, protocol=args.preset_protocol, data=tuple(args.data))
    in_many_processes(request, accelerator, partial(fill_with_presets, args))


def request_of(args: argparse.Namespace, part: str, **request: Any) -> EvaluationRequest:
    return EvaluationRequest(
        output=args.output_dir / part,
        model=args.model,
        spectrogram_model=args.spectrogram_model,
        spectrogram_dtype=args.spectrogram_dtype,
        seed=args.seed,
        **request,
    )


def in_many_processes(request: EvaluationRequest, accelerator: Accelerator, measure: Callable) -> None:
    if accelerator.is_main_process:
        prepare(request)
    accelerator.wait_for_everyone()
    selection = thaw(request.output / MANIFEST)
    share = (accelerator.process_index, accelerator.num_processes)
    progress = partial(tqdm, unit="item", disable=not accelerator.is_main_process)
    measure(request, selection, share=share, progress=progress)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        report(request, selection)


def fill_with_presets(
    args: argparse.Namespace,
    request: EvaluationRequest,
    selection: Selection,
    *,
    share: tuple[int, int],
    progress: Callable,
) -> None:
    pipe = load_pipeline(args)
    for_gaps, for_cells = (
        {f"{name}, {calls(name)} calls": partial(fill, pipe, kind, name) for name in args.presets}
        for kind in ("mask", "tf_mask")
    )
    run(
        selection.items,
        recordings(request),
        MethodSet(for_gaps, for_cells),
        output_dir=request.output,
        provenance={
            **provenance.provenance_of_items(selection),
            **provenance.provenance_of_packages(),
            **provenance.provenance_of_model(pipe, args.spectrogram_model, "spectrogram_model"),
            "spectrogram_dtype": args.spectrogram_dtype,
        },
        embedder=RandomProjectionEmbedder(),
        share=share,
        progress=progress,
    )


def calls(preset: str) -> int:
    return num_network_calls(**PRESETS[preset]._asdict())


def fill(pipe, kind: str, preset: str, audio, missing, *, sampling_rate: int, generator: torch.Generator):
    return pipe(audio, **{kind: missing}, sampling_rate=sampling_rate, preset=preset, generator=generator).audios


def load_pipeline(args: argparse.Namespace) -> aidd.SpectrogramRePaintPipeline:
    pipe = aidd.SpectrogramRePaintPipeline.from_pretrained(
        args.spectrogram_model, dtype=getattr(torch, args.spectrogram_dtype)
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def chirp(args: argparse.Namespace) -> None:
    """The programme's figure: signal, saturated signal, masked spectrogram, restorations."""
    pipe = load_pipeline(args)
    signal = saturating_chirp(round(2 * RATE), RATE)
    saturated = np.clip(signal, -SATURATION, SATURATION)
    mask, _, _ = find_clipping(saturated)
    options = {"sampling_rate": RATE, "generator": torch.Generator().manual_seed(args.seed)}
    shown = {
        f"cut off at {SATURATION:g}": saturated,
        "sparse, clipped samples missing": restore_saturated(saturated, aidd.METHODS["sparse"], **options),
        "janssen, clipped samples missing": restore_saturated(saturated, aidd.METHODS["janssen"], **options),
        "RePaint, columns missing": restore_saturated(
            saturated, lambda *audio, **how: pipe(*audio, **how).audios, join_seconds=JOIN_SECONDS, **options
        ),
    }
    grid = pipe.front_end.grid
    figure = saturation_figure(
        {"signal": signal, **shown},
        {name: snr_in_gap(signal, one, mask) for name, one in shown.items()},
        np.where(columns(frames_touched(mask, grid), grid), np.nan, np.abs(stft(saturated, grid))),
        sampling_rate=RATE,
    )
    save_figure(figure, args.output_dir / CHIRP)


PARTS = {
    "gaps_music": evaluation,
    "gaps_synthetic": evaluation,
    "masks_music": evaluation,
    "masks_synthetic": evaluation,
    "presets": presets,
}


def main() -> None:
    args = parse_args()
    accelerator = Accelerator()
    if accelerator.is_main_process:
        write_signals(args.output_dir / "signals", args.num_signals, args.seed)
    accelerator.wait_for_everyone()
    signals = [args.output_dir / "signals" / kind for kind in (*SYNTHETIC_SIGNALS, RENDERED.name)]
    for part in args.parts:
        PARTS[part](args, accelerator, part, signals)
    if accelerator.is_main_process:
        if not (args.output_dir / CHIRP).exists():
            chirp(args)
        if args.report_dir is not None:
            runs = [word for part in args.parts for word in ("--evaluation", args.output_dir / part)]
            pictures = ("--picture", args.output_dir / CHIRP)
            script = Path(__file__).parents[1] / "cards" / "write_report.py"
            command = [sys.executable, script, *runs, *pictures, "--report_dir", args.report_dir]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
