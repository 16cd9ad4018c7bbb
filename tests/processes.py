"""Processes of Python for tests: forked from one that has imported the libraries, real ones that can be killed."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


# What most scripts import. Python's optimisers import the compiler with their first step.
LIBRARIES = ("torch", "torch._dynamo", "accelerate", "datasets", "diffusers", "transformers", "scipy.signal", "aidd.*")
LIBRARIES += ("diffusers.optimization", "diffusers.training_utils")
WARM_PROCESS = Path(__file__).with_name("warm_process.py")
# What takes longer hangs, also where other work keeps the machine busy.
TIMEOUT_SECONDS = 1200
# Commands that have started Python since the run began.
starts: list[str] = []


def _count(event: str, arguments: tuple) -> None:
    if event == "subprocess.Popen":
        command = [arguments[1]] if isinstance(arguments[1], str | bytes) else list(arguments[1])
        if os.path.basename(os.fsdecode(command[0])).startswith(("python", "accelerate", "torchrun", "aidd", "mypy")):
            starts.append(" ".join(map(os.fsdecode, command))[:200])


sys.addaudithook(_count)


def unnamed_file() -> int:
    number, path = tempfile.mkstemp()
    os.unlink(path)
    return number


class Child:
    """A running process, with the interface of `subprocess.Popen` as far as tests need it."""

    def __init__(self, connection: socket.socket, files: list[int]):
        self.connection, self.files = connection, files
        self.pid = int(connection.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.wait(0)
            except subprocess.TimeoutExpired:
                return None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.connection.settimeout(timeout)
            try:
                self.returncode = int(self.connection.recv(16))
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired(str(self.pid), timeout) from error
            self.connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Standard output and error of the process, once it has ended; one that takes longer is killed."""
        texts = []
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(os.fdopen(number)) for number in self.files]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.send_signal(signal.SIGKILL)
                self.wait()
                raise
            for file in files:
                file.seek(0)
                texts.append(file.read())
        return texts[0], texts[1]


_all: list["WarmPython"] = []


def stop_all() -> None:
    for one in _all:
        one.stop()
    shutil.rmtree(HUB_HOME)


class WarmPython:
    """
    `python` with libraries imported already: `start` and `run` take a command line behind `python`.

    Libraries read some variables of the environment when they are imported: those have to be given here, and hold for
    all commands.
    """

    def __init__(self, libraries: tuple[str, ...] = LIBRARIES, **environment: str):
        self.libraries, self.environment = libraries, environment
        _all.append(self)
        self.server: subprocess.Popen | None = None

    def start(self, *command, folder: Path | str = ".", **environment: str) -> Child:
        if self.server is None:
            self._start_server()
        request = {"command": [*map(str, command)], "folder": os.path.abspath(folder)}
        request["environment"] = {**os.environ, **self.environment, **environment}
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(self.path)
        files = [unnamed_file() for _ in ("stdout", "stderr")]
        socket.send_fds(connection, [json.dumps(request).encode()], files)
        return Child(connection, files)

    def run(self, *command, folder: Path | str = ".", **environment: str) -> subprocess.CompletedProcess:
        child = self.start(*command, folder=folder, **environment)
        stdout, stderr = child.communicate(timeout=TIMEOUT_SECONDS)
        return subprocess.CompletedProcess(command, child.returncode, stdout, stderr)

    def run_two(self, *command, folder: Path | str = ".", **environment: str) -> subprocess.CompletedProcess:
        """In two processes that know of each other as those that `torchrun` starts; the output is that of both."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        environment |= {"LOCAL_WORLD_SIZE": "2"}
        children = [
            self.start(*command, folder=folder, RANK=rank, LOCAL_RANK=rank, **environment) for rank in ("0", "1")
        ]
        outputs = [child.communicate(timeout=TIMEOUT_SECONDS) for child in children]
        code = max((child.returncode for child in children), key=abs)
        return subprocess.CompletedProcess(command, code, *("".join(part) for part in zip(*outputs, strict=True)))

    def _start_server(self) -> None:
        folder = tempfile.mkdtemp()
        self.path = os.path.join(folder, "socket")
        command = [sys.executable, str(WARM_PROCESS), self.path, *self.libraries]
        # It ends when nothing holds the other end of its standard input any more: with this process at the latest.
        self.server = subprocess.Popen(command, env={**os.environ, **self.environment}, stdin=subprocess.PIPE)
        while not os.path.exists(self.path):
            assert self.server.poll() is None, f"{WARM_PROCESS.name} ended with {self.server.returncode}"
            time.sleep(0.01)

    def stop(self) -> None:
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait()
            Path(self.path).unlink()
            Path(self.path).parent.rmdir()
            self.server = None


# A cache of the Hub that is this run's alone.
HUB_HOME = tempfile.mkdtemp()
# For all tests of a run: its libraries are offline, and those of `online` know a server of `hub_server` as the Hub.
python = WarmPython(HF_HUB_OFFLINE="1", HF_HOME=HUB_HOME)
# For tests of what `import aidd` does before and behind the import of diffusers.
without_diffusers = WarmPython(
    ("torch._dynamo", "scipy.signal", "transformers.quantizers", "transformers.modeling_utils"), HF_HUB_OFFLINE="1"
)
