"""
Repair every recording of a folder, or of an audio data set.

    python examples/inpaint_dataset.py --audio_dir archive --output_dir outputs/repaired --detect dropouts,clicks
    accelerate launch examples/inpaint_dataset.py --audio_dir archive --output_dir outputs/repaired
    accelerate launch examples/inpaint_dataset.py --dataset_name owner/name --split train --detect clipping \
        --subtype FLOAT --output_dir outputs/repaired

Gaps are those of label tracks (.txt, as Audacity exports them) and bool arrays (.npy, True = missing) that lie next to
a recording and are called like it (`song.txt`, or `song.wav.txt` where there is a `song.flac` too), and what is found
with `--detect`. Recordings without any are copied, with their time and permissions. Those that are repaired keep
permissions, rate, channels, format and, unless `--subtype` says otherwise, subtype, and every sample outside the gaps,
as `aidd inpaint` keeps them. They may be of any length: only what lies around their gaps is in memory.

Writes the recordings to `audio`, in the output folder, and `manifest.jsonl`: a row for each recording, with its name
and SHA-256, the gaps of each channel in samples (starts and exclusive ends), what filled each, the seconds it took,
and its warnings. `not_used.jsonl` lists all other files of the folder, and why they are not used; those that may be
recordings or masks are printed, too. A recording that cannot be repaired has a row that says why, and does not stop
the others; the exit code is 1 then.

`accelerate launch` shares the recordings among processes and GPUs; a recording's draws depend on `--seed` and its name
alone, and so the result is the same. Rows are kept as they come: a run that was stopped, or that finds new recordings
or other settings, does only what is missing.
"""

import argparse
import hashlib
import json
import os
import shutil
import time
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from tqdm.auto import tqdm

from aidd import METHODS, RepairRequest, repair_file
from aidd.evaluation.protocols.recordings import hub_recordings_of
from aidd.evaluation.runs.journal import Journal
from aidd.masks.gaps import no_gaps, num_missing, unite
from aidd.models.loading import pipeline_digest
from aidd.pipelines import InpaintingPipeline
from aidd.pipelines.loading import load_pipeline
from aidd.repair.folder import FolderContent, Unused, content_of
from aidd.repair.methods import row_of
from aidd.repair.recipe import NothingToRepairError
from aidd.repair.request import DETECTED_KINDS, RequestError
from aidd.repair.scan import scan_audio
from aidd.signals.formats import suffix_for
from aidd.signals.recordings import file_sha256
from aidd.signals.replacing import remove_left_overs, replacing


# Lines about files that are not used, at most.
MOST_PRINTED = 50


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio_dir", type=Path, help="Folder of audio files, and of those in folders below it.")
    source.add_argument("--dataset_name", help="Audio data set on the Hub, or a folder that `load_dataset` reads.")
    parser.add_argument("--split", help="Split of --dataset_name.")
    parser.add_argument("--dataset_config_name", help="Configuration of --dataset_name.")
    parser.add_argument("--audio_column_name", default="audio", help="Column of --dataset_name that holds the audio.")
    parser.add_argument("--cache_dir", type=Path, help="Where --dataset_name is kept. Default: the Hub's own cache.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Where recordings and manifest are written.")
    parser.add_argument(
        "--detect",
        type=lambda kinds: kinds.split(","),
        default=[],
        metavar="KINDS",
        help=f"Damage to look for: one or more of {', '.join(DETECTED_KINDS)}, separated by commas.",
    )
    parser.add_argument(
        "--method",
        default="auto",
        metavar="METHOD",
        help=f"What fills the gaps: {', '.join(METHODS)}, or a function of yours as package.module:function. Default: "
        "auto, with an AIDD model where they are long. spectrogram_repaint is another kind of model, a diffusion of "
        "spectrograms, to compare aidd with; it takes longer.",
    )
    parser.add_argument(
        "--model",
        help="Folder or Hub id: an AIDD pipeline for auto and aidd, a spectrogram RePaint pipeline for "
        "spectrogram_repaint, a CQT-Diff+ pipeline for cqtdiff. Default: the one that comes with the package, which "
        "cqtdiff has not.",
    )
    parser.add_argument("--subtype", help="Encoding of repaired files, such as FLOAT. Default: the recording's.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all draws.")
    parser.add_argument("--device", help="Where the model runs. Default: what accelerate gives.")
    args = parser.parse_args()
    try:
        RepairRequest(detect=args.detect, method=args.method, model=args.model, subtype=args.subtype)
    except RequestError as error:
        parser.error(f"--{error.field} {error.problem}")
    # In one order: a run that is taken up again compares them.
    args.detect = [kind for kind in DETECTED_KINDS if kind in args.detect]
    if (args.dataset_name is not None) != (args.split is not None):
        parser.error(f"--split: {'needed' if args.dataset_name else 'a folder of audio files has none'}")
    if args.dataset_name is not None and not args.detect:
        parser.error("--detect: needed, as no masks lie next to the recordings of a data set")
    if args.audio_dir is not None and args.output_dir.resolve().is_relative_to(args.audio_dir.resolve()):
        parser.error("--output_dir: must not lie in --audio_dir, whose recordings it would become")
    return args


def find_recordings(args: argparse.Namespace, content: FolderContent | None) -> dict[str, Path]:
    """Files of recordings by names, which are also their paths below the output folder."""
    if content is not None:
        prefix = args.audio_dir.resolve().name
        return {f"{prefix}/{path.relative_to(args.audio_dir).as_posix()}": path for path in content.recordings}
    return hub_recordings_of(
        args.dataset_name,
        args.split,
        config_name=args.dataset_config_name,
        column=args.audio_column_name,
        cache_dir=args.cache_dir,
    )


def seed_of(seed: int, name: str) -> int:
    """Seed of a recording's draws, whichever process they are made in."""
    return int.from_bytes(hashlib.sha256(os.fsencode(f"{seed}/{name}")).digest()[:7], "big")


def inputs_of(path: Path, masks: list[Path]) -> dict[str, str | list[str]]:
    """Digests of a row's inputs: what has changed since is repaired anew."""
    return {"sha256": file_sha256(path), "masks_sha256": list(map(file_sha256, masks))}


def repair(
    name: str,
    path: Path,
    masks: list[Path],
    args: argparse.Namespace,
    pipeline: InpaintingPipeline | None,
) -> dict:
    """Repairs a recording, or copies one without gaps. Returns what a row says of it."""
    scan = scan_audio(path)
    # Audio that a data set holds in its tables may have a name without a suffix.
    suffix = suffix_for(scan.format, Path(name).suffix)
    output = args.output_dir / "audio" / (name if name.endswith(suffix) else f"{name}{suffix}")
    output.parent.mkdir(parents=True, exist_ok=True)
    request = RepairRequest(
        masks=masks,
        detect=args.detect,
        method=args.method,
        model=pipeline,
        seed=seed_of(args.seed, name),
        subtype=args.subtype,
    )
    try:
        report = repair_file(scan, output, request)
        gaps, filled_by = report.gaps, report.filled_by
        shutil.copymode(path, output)
    except NothingToRepairError:
        with replacing(output) as unfinished:
            shutil.copyfile(path, unfinished)
        # Mode and time, too.
        shutil.copystat(path, output)
        gaps, filled_by = [no_gaps()] * scan.channels, [[]] * scan.channels
    missing = unite(gaps)
    return {
        "output": output.relative_to(args.output_dir).as_posix(),
        "gaps": [channel_gaps.tolist() for channel_gaps in gaps],
        "filled_by": filled_by,
        "num_gaps": len(missing),
        "filled_seconds": num_missing(missing) / scan.sampling_rate,
        "recording_seconds": scan.num_samples / scan.sampling_rate,
    }


def repair_or_say_why(
    name: str, path: Path, masks: list[Path], settings: dict, ambiguous: list[Unused], **options
) -> dict:
    """A row of the manifest for a recording that is repaired, copied, or cannot be."""
    began = time.perf_counter()
    row = {"file": name, **settings, "error": None}
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always", UserWarning)
        try:
            row |= inputs_of(path, masks)
            row |= repair(name, path, masks, **options)
        # All exceptions: whatever is wrong with one recording, the others can be repaired.
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
    row["warnings"] = [str(warning.message) for warning in messages]
    row["warnings"] += [f"{unused.path.name} is not used: {unused.why}" for unused in ambiguous]
    row["seconds"] = time.perf_counter() - began
    return row | {"finished": datetime.now(timezone.utc).isoformat()}


def list_unused(unused: list[Unused], args: argparse.Namespace) -> None:
    """Writes the list of what was not used, and prints the part of it that may be recordings or masks."""
    rows = [{"file": str(one.path.relative_to(args.audio_dir)), "why": one.why} for one in unused]
    with replacing(args.output_dir / "not_used.jsonl") as unfinished:
        unfinished.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    wanted = [row for row, one in zip(rows, unused, strict=True) if one.may_be_wanted]
    for row in wanted[:MOST_PRINTED]:
        tqdm.write(f"not used: {row['file']}: {row['why']}")
    if len(wanted) > MOST_PRINTED:
        tqdm.write(f"not used: {len(wanted) - MOST_PRINTED} more, see {args.output_dir / 'not_used.jsonl'}")


def latest_rows(journal: Journal) -> dict[str, dict]:
    """Rows by recordings' names. A recording may have rows of several runs, kept by several processes."""
    return {row["file"]: row for row in sorted(journal.read(), key=lambda row: row["finished"])}


def is_done(row: dict | None, path: Path, masks: list[Path], settings: dict, output_dir: Path) -> bool:
    return (
        row is not None
        and row["error"] is None
        and all(row[name] == value for name, value in (settings | inputs_of(path, masks)).items())
        and (output_dir / row["output"]).is_file()
    )


def main() -> None:
    args = parse_args()
    # The processes meet when all is repaired. One may have to wait long for the others.
    on_cpu = args.device == "cpu" or parse_flag_from_env("ACCELERATE_USE_CPU")
    state = PartialState(cpu=on_cpu, timeout=timedelta(days=30))
    pipeline, digest = None, None
    row = row_of(args.method)
    if row.has_model:
        pipeline = load_pipeline(args.model or row.default_model, row.pipeline_class)
        pipeline.to(args.device or state.device)
        pipeline.set_progress_bar_config(disable=True)
        digest = pipeline_digest(pipeline)
    settings = {name: getattr(args, name) for name in ("detect", "method", "subtype", "seed")}
    settings["model_digest"] = digest

    content = content_of(args.audio_dir) if args.audio_dir is not None else None
    ambiguous = content.ambiguous if content is not None else {}
    recordings = find_recordings(args, content)
    journal = Journal(args.output_dir, "rows", state.process_index)
    rows = latest_rows(journal)
    # All recordings are shared out, and those that are done left out later: these change while the processes start.
    mine = list(recordings.items())[state.process_index :: state.num_processes]
    with journal.writing():
        # Files that a killed run has left half written.
        if state.is_main_process:
            for folder in {path.parent for path in (args.output_dir / "audio").rglob("*")}:
                remove_left_overs(folder)
        state.wait_for_everyone()
        for name, path in tqdm(mine, "Repairing", unit="recording", disable=not state.is_local_main_process):
            masks = content.masks.get(path, []) if content is not None else []
            if not is_done(rows.get(name), path, masks, settings, args.output_dir):
                doubts = ambiguous.get(path, [])
                journal.append([repair_or_say_why(name, path, masks, settings, doubts, args=args, pipeline=pipeline)])
        state.wait_for_everyone()

    rows = latest_rows(journal)
    failed = [rows[name] for name in recordings if rows[name]["error"] is not None]
    if state.is_main_process:
        with replacing(args.output_dir / "manifest.jsonl") as unfinished:
            unfinished.write_text("".join(json.dumps(rows[name]) + "\n" for name in recordings), encoding="utf-8")
        for row in failed:
            tqdm.write(f"{row['file']}: {row['error']}")
        if content is not None:
            list_unused(content.unused, args)
        repaired = sum(bool(row.get("num_gaps")) for row in map(rows.get, recordings))
        print(
            f"{repaired} repaired, {len(recordings) - repaired - len(failed)} copied, {len(failed)} failed: "
            f"{args.output_dir / 'manifest.jsonl'}"
        )
    state.wait_for_everyone()
    state.destroy_process_group()
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
