"""
A process that has imported the libraries already, and forks one that runs a command of Python for whoever asks:

    python warm_process.py SOCKET MODULE ...

A request on the socket is a message of JSON with the command, its folder and its environment, and carries the files
that are its standard output and error. The answers are the number of the new process and, when that has ended, its
exit code. The server ends with its standard input.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading


MESSAGE_BYTES = 2**17


def import_all(names: list[str]) -> None:
    """Modules by name; `aidd.*` are all of the package's, but those that are commands."""
    for name in names:
        if not name.endswith(".*"):
            importlib.import_module(name)
            continue
        package = importlib.import_module(name.removesuffix(".*"))
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "pretrained" not in module.name and "convert_" not in module.name:
                importlib.import_module(module.name)


def run(command: list[str]) -> None:
    """What `python COMMAND` does, in this process: `-c CODE`, `-m MODULE` or a script, with arguments."""
    kind = command[0] if command[0] in ("-c", "-m") else ""
    what, *arguments = command[1:] if kind else command
    sys.path[0] = "" if kind == "-c" else os.getcwd() if kind == "-m" else os.path.dirname(os.path.abspath(what))
    sys.argv = ["-c" if kind == "-c" else what, *arguments]
    if kind == "-c":
        # The functions of a program are those of its main module.
        main = type(sys)("__main__")
        sys.modules["__main__"] = main
        exec(compile(what, "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        # Imported for all, it would be warned of as run twice.
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(what, run_name="__main__")


def become(request: dict, files: list[int]) -> None:
    """Makes this process one that was started with a folder, an environment and files for its output."""
    signal.set_wakeup_fd(-1)
    # Interrupts too, which a shell's background processes would pass on as ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for place in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if place and place not in sys.path:
            sys.path.insert(1, place)
    if "numpy" in sys.modules:
        # As at a start, its global draws are nobody's.
        sys.modules["numpy"].random.seed()


def serve(path: str) -> dict | None:
    """Returns in every new process, with what it is to do, and as None in the server at its end."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Whoever sees the socket at its path may connect: it gets there when it listens.
    listener.bind(f"{path}.unready")
    listener.listen()
    os.rename(f"{path}.unready", path)
    woken, wake = socket.socketpair()
    woken.setblocking(False), wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    asking: dict[int, socket.socket] = {}
    gc.freeze()
    while True:
        ready, _, _ = select.select([listener, woken, 0], [], [])
        if 0 in ready:
            for child in asking:
                os.kill(child, signal.SIGKILL)
            return None
        if woken in ready:
            woken.recv(MESSAGE_BYTES)
            for child in list(asking):
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    with asking.pop(child) as connection:
                        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        if listener in ready:
            connection, _ = listener.accept()
            message, files, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 2)
            request = json.loads(message)
            child = os.fork()
            if not child:
                for open_one in (listener, woken, wake, connection, *asking.values()):
                    open_one.close()
                become(request, files)
                return request
            for file in files:
                os.close(file)
            asking[child] = connection
            connection.send(str(child).encode())


def end(code: int | str | None) -> None:
    """Ends this process as `sys.exit(code)` does, but for taking apart what it holds, which takes a second."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    import_all(sys.argv[2:])
    request = serve(sys.argv[1])
    if request:
        try:
            run(request["command"])
        except SystemExit as error:
            end(error.code)
        end(0)
