"""Recordings to evaluate on, under names that do not depend on their folder."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datasets import config, load_dataset
from huggingface_hub import cached_assets_path, constants

from ...signals.files import find_audio_files
from ...signals.recordings import Recording, dataset_recordings, lies_in, maestro_recordings, musicnet_recordings
from ...signals.replacing import replacing
from ..methods.names import LAYOUTS


# Where files of data sets are downloaded to.
CACHES = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
OFFICIAL_SPLITS: dict[str, Callable[..., list[Recording]]] = {
    "musicnet": musicnet_recordings,
    "maestro": maestro_recordings,
}


def recordings_of(folder: str | Path, layout: str = "folder", split: str | None = None) -> dict[str, Path]:
    """
    Recordings in a folder, or of a data set of the Hub, sorted by name.

    Args:
        folder: of audio files, or of a data set as it is unpacked, or a data set's Hub id.
        layout: `folder`: every audio file in it and below it, named `<folder's name>/<path in it>`; `musicnet` or
            `maestro`: those of an official split, named `musicnet/<path in it>` whatever the folder is called
            ([`~aidd.signals.recordings.musicnet_recordings`], `maestro_recordings`); `hub`: as of
            [`hub_recordings_of`].
        split: of MusicNet (`train`, `test`), of MAESTRO (`train`, `validation`, `test`), or of the data set of the
            Hub. A folder has none.

    Raises:
        ValueError: another layout or split, no such folder, or no recording in it.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout}")
    if layout == "hub":
        if split is None:
            raise ValueError(f"expected a split of {folder}, got none")
        return hub_recordings_of(str(folder), split)
    # Recordings of official splits are read from paths.
    named: list[tuple[str, Any]]
    if layout == "folder":
        if split is not None:
            raise ValueError(f"a folder of audio files has no splits, got split {split}; its layout may be another")
        folder = Path(folder)
        named = [(path.relative_to(folder).as_posix(), path) for path in find_audio_files(folder)]
        prefix = folder.resolve().name
    else:
        named = [(recording.name, recording.read()) for recording in OFFICIAL_SPLITS[layout](folder, split)]
        prefix = layout
    return {f"{prefix}/{name}": path for name, path in sorted(named)}


def hub_recordings_of(
    dataset_name: str,
    split: str,
    *,
    config_name: str | None = None,
    column: str = "audio",
    cache_dir: str | Path | None = None,
) -> dict[str, Path]:
    """
    Recordings of a data set of the Hugging Face Hub, named `<data set>/<split>/<row>/<file>`, in the order of its
    rows. Sound that the data set holds within its tables is written to files, named by their content.

    Args:
        dataset_name: Hub id, or a folder that `load_dataset` reads, of which the name alone is taken.
        split: of the data set.
        config_name: of the data set, where it has several.
        column: that holds the audio.
        cache_dir: where files are kept; the Hub's own cache if None.

    Raises:
        ValueError: no such split or column, or a row that names a file which is not the data set's.
    """
    dataset = load_dataset(dataset_name, config_name, split=split, cache_dir=cache_dir)
    is_folder = Path(dataset_name).is_dir()
    name = Path(dataset_name).resolve().name if is_folder else dataset_name
    # Tables may name any file of this machine.
    own = [*([dataset_name] if is_folder else []), *([cache_dir] if cache_dir else []), *CACHES]
    folder = cached_assets_path("aidd", namespace=name, subfolder=split, assets_dir=cache_dir)
    recordings = {}
    for recording in dataset_recordings(dataset, column):
        sound = recording.read()
        if not isinstance(sound, Path):
            sound = _written(folder, sound.getvalue(), Path(recording.name).suffix)
        elif not any(lies_in(sound, place) for place in own):
            raise ValueError(f"{dataset_name}, row {recording.name}: expected a file of the data set, got {sound}")
        recordings[f"{name}/{split}/{recording.name}"] = sound
    return recordings


def join_recordings(*several: Mapping[str, Path]) -> dict[str, Path]:
    """
    Recordings of several folders.

    Raises:
        ValueError: two of the same name.
    """
    joined: dict[str, Path] = {}
    for recordings in several:
        if shared := sorted(joined.keys() & recordings.keys()):
            raise ValueError(
                f"expected folders that differ in name, got {shared[0]} as {joined[shared[0]]} and as "
                f"{recordings[shared[0]]}"
            )
        joined |= recordings
    return joined


def _written(folder: Path, content: bytes, suffix: str) -> Path:
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    return path
