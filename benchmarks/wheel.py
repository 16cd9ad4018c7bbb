"""
Build the wheel, install it in an empty environment, and time the way to the first repaired file.

    python benchmarks/wheel.py --output benchmarks/results/wheel.json

The environment holds only the dependencies of the package, which come from this environment. It is outside the
repository and has a home of its own, and a process in it that asks for a network fails. `install` is pip's work on
the wheel. `first file` is the command `aidd inpaint`, from its start to its end, on 8 s of piano in stereo at 48 kHz
with one gap of 300 ms, with the model that the wheel carries. The table lists what the wheel holds.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile as sf
from measuring import PRELUDE, Results, argument_parser, stopwatch


ROOT = Path(__file__).parents[1]
DAMAGED = PRELUDE.with_name("prelude_bwv848_damaged.flac")
GAP = (3.2, 3.5)
SOURCES = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE")
REFUSE_NETWORK = """\
import socket
def refuse(*_):
    raise OSError("no network is there")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def parse_args() -> argparse.Namespace:
    return argument_parser(__doc__).parse_args()


def build_wheel(folder: Path) -> Path:
    """The wheel, built from a copy of what it is made of: building leaves files beside them."""
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def pip(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", *map(str, arguments), "--quiet"], check=True)


def empty_environment(folder: Path) -> Path:
    """The Python of an environment that finds what is installed in this one, but not what is installed editable."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    # Lines of a .pth file are folders to search; .pth files in those are not read.
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (own / "sitecustomize.py").write_text(REFUSE_NETWORK)
    return python


def part_of(name: str) -> str:
    """What a file of the wheel belongs to."""
    place = Path(name).parts
    if place[0] != "aidd":
        return "what the wheel says of itself"
    if place[1] in ("pretrained", "data"):
        return place[2]
    return "code" if name.endswith((".py", ".typed")) else "protocols and templates"


def main() -> None:
    args = parse_args()
    results = Results(args)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        wheel = build_wheel(folder)
        parts = defaultdict(list)
        for info in zipfile.ZipFile(wheel).infolist():
            parts[part_of(info.filename)].append((info.file_size / 1e6, info.compress_size / 1e6))
        for part, sizes in sorted(parts.items()):
            unpacked, packed = np.sum(sizes, axis=0)
            results.add(part=part, files=len(sizes), MB=float(unpacked), MB_packed=float(packed))

        python = empty_environment(folder / "environment")
        home = folder / "home"
        home.mkdir()
        shutil.copy(DAMAGED, home / "damaged.flac")
        with stopwatch() as install:
            pip("--python", python, "install", "--no-deps", "--no-index", wheel)
        environment = {"PATH": f"{python.parent}{os.pathsep}{os.defpath}", "HOME": str(home)}
        environment["OMP_NUM_THREADS"] = str(args.threads)
        command = ["aidd", "inpaint", "damaged.flac", "restored.flac", "--gap", *map(str, GAP), "--seed", "0"]
        with stopwatch() as first_file:
            subprocess.run([python.parent / command[0], *command[1:]], cwd=home, env=environment, check=True)

        damaged, rate = sf.read(home / "damaged.flac", dtype="int32")
        restored, _ = sf.read(home / "restored.flac", dtype="int32")
        different = np.flatnonzero((damaged != restored).any(-1)) / rate
        if len(different) == 0 or different[0] < GAP[0] or different[-1] >= GAP[1]:
            raise SystemExit(f"expected samples within {GAP} s to differ and no others, got {different}")
        results.findings += [
            f"The wheel has {wheel.stat().st_size / 1e6:.1f} MB.",
            f"install {install.seconds:.1f} s, first file {first_file.seconds:.1f} s: "
            f"{install.seconds + first_file.seconds:.1f} s in all. Every sample outside the gap is the input's.",
        ]
    results.write()


if __name__ == "__main__":
    main()
