"""Errors of imports that name the libraries newer than those the package was tested with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager


# Newest releases that the whole test suite has passed with.
TESTED_VERSIONS = {
    "accelerate": "1.15.0",
    "datasets": "5.2.0",
    "diffusers": "0.42.1",
    "huggingface-hub": "2.4.0",
    "numpy": "2.4.6",
    "pandas": "3.1.1",
    "safetensors": "0.8.0",
    "scipy": "1.17.1",
    "soundfile": "0.14.0",
    "torch": "2.11.0",
    "torchaudio": "2.11.0",
    "transformers": "5.24.0",
}


class UntestedVersionError(ImportError):
    """An import failed, and a library is newer than what was tested."""


def newer_than_tested() -> list[str]:
    """A line for each library whose installed version is newer than the last tested one."""
    # It would take two fifths of `import aidd`, and is needed only where an import has failed.
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name, tested in TESTED_VERSIONS.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if release(installed) > release(tested):
            found.append(f"{name} {installed} is installed, {tested} is the last version that was tested")
    return found


def release(version_string: str) -> tuple[int, ...]:
    """The numbers of a version, such as (2, 11, 0) for `2.11.0+cpu`."""
    match = re.match(r"\d+(\.\d+)*", version_string)
    return tuple(map(int, match[0].split("."))) if match else ()


@contextmanager
def naming_untested_versions() -> Iterator[None]:
    """
    Inside, an import that fails says which libraries are newer than what was tested, if any are.

    Raises:
        UntestedVersionError: from the error of the import.
    """
    try:
        yield
    except UntestedVersionError:
        raise
    # All exceptions: what a newer library breaks shows in whatever way it chooses.
    except Exception as error:
        if newer := newer_than_tested():
            raise UntestedVersionError(
                f"{type(error).__name__}: {error} ({'; '.join(newer)}: if that is the cause, install the tested one)"
            ) from error
        raise
