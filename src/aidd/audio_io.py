"""Audio files in and out (soundfile), and resampling (torchaudio)."""

from pathlib import Path


AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64"})


def find_audio_files(folder: str | Path) -> list[Path]:
    """
    Audio files in a folder and the folders below it, sorted by path.

    Raises:
        ValueError: not a folder, or no audio file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of audio files, got {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise ValueError(f"{folder} holds no audio file (looked for {', '.join(sorted(AUDIO_SUFFIXES))})")
    return paths
