"""`python -m m3net` without seconds of imports: forked from a process that has made them.

A command still runs in a process of its own, a child of the one that starts it, with its own
streams, folder, environment and signals. Commands that it starts are forked as fast.
"""

import atexit
import ctypes
import importlib
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from weakref import finalize

import pytest
from lightning.fabric.utilities.rank_zero import _get_rank, rank_zero_only

from m3net.base.environment import check_installation, fast_imports

ROOT = Path(__file__).parents[2]
NAME = "m3net"
"""What /proc/PID/comm says of a command; its command line is that of the zygote."""
_LIBRARIES = [
    "m3net.workflows.cli",
    "m3net.workflows.commands.compare",
    "m3net.workflows.commands.report",
    "matplotlib.backends.backend_agg",
    "PIL.JpegImagePlugin",
    "sklearn",
]
_READ_BY_IMPORTS = ("PYTHON", "OMP_", "HF_", "MPL", "NUMBA_")
"""Prefixes of environment variables that a fork would read too late."""
_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_MOST_BYTES = 1 << 17
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36

_start_afresh = subprocess.Popen


class Zygote:
    """A process that forks a command for each request; it ends with the one that holds this."""

    def __init__(self, requests: socket.socket | None = None) -> None:
        self._environment = dict(os.environ)
        self._requests = requests

    def _start_if_needed(self) -> socket.socket:
        if self._requests is not None:
            return self._requests
        ours, theirs = _connection()
        with theirs:
            _start_afresh(
                [sys.executable, "-m", "tests.support.zygote", str(theirs.fileno())],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._requests = ours
        return ours

    def start(self, words: Sequence[str], call: Mapping[str, Any]) -> int:
        """Start m3net as a child of this process, and return its id.

        Args:
            words: The arguments after `m3net`.
            call: Arguments of `Popen._execute_child`.
        """
        ends = (call["p2cread"], call["c2pwrite"], call["errwrite"])
        streams = [number if end == -1 else end for number, end in enumerate(ends)]
        folder = os.path.abspath(call["cwd"] or ".")
        environment = dict(os.environ if call["env"] is None else call["env"])
        request = [words, environment, folder, call["start_new_session"]]
        requests = self._start_if_needed()
        # The zygote's child forks the command and ends, so that this process adopts it.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(requests, [json.dumps(request).encode()], streams)
            return int(requests.recv(_MOST_BYTES))
        finally:
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def can_start(self, words: Sequence[str], call: Mapping[str, Any]) -> bool:
        """Return whether a command is m3net, and its imports would be those of the zygote."""
        m3net = words[:2] == [sys.executable, "-m"] and words[2] in ("m3net", "m3net.__main__")
        usual = not (call["preexec_fn"] or call["pass_fds"] or call["shell"])
        environment = os.environ if call["env"] is None else call["env"]
        names = {*environment, *self._environment}
        read = [name for name in names if name.startswith(_READ_BY_IMPORTS)]
        same = all(environment.get(name) == self._environment.get(name) for name in read)
        return m3net and usual and same


@contextmanager
def fast_starts() -> Iterator[None]:
    """Fork commands of m3net within the block, whoever starts them by `subprocess`.

    Only Linux lets a process adopt what another has forked.
    """
    if sys.platform != "linux":
        yield
        return
    subprocess.Popen = _popen_by(Zygote())  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        subprocess.Popen = _start_afresh  # type: ignore[misc]


@contextmanager
def true_starts() -> Iterator[None]:
    """Start processes within the block as users do, imports and all."""
    fast, subprocess.Popen = subprocess.Popen, _start_afresh  # type: ignore[misc]
    try:
        yield
    finally:
        subprocess.Popen = fast  # type: ignore[misc]


def children(pid: int) -> list[int]:
    """Return the commands that a command has started and that have not ended."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells the children of a process")
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [int(child) for child in found if _name(child) == NAME]


def _name(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:  # it has ended
        return ""


def _prctl(option: int, value: int | bytes) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _connection() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _popen_by(zygote: Zygote) -> type[subprocess.Popen[Any]]:
    names = list(inspect.signature(_start_afresh._execute_child).parameters)  # type: ignore[attr-defined]

    class FastPopen(_start_afresh):  # type: ignore[type-arg]
        def _execute_child(self, *given: object) -> None:
            call: dict[str, Any] = dict(zip(names, (self, *given), strict=True))
            words = [] if isinstance(call["args"], str | bytes) else list(map(str, call["args"]))
            if zygote.can_start(words, call):
                self.pid = zygote.start(words[3:], call)
                self._child_created = True
                self._close_pipe_fds(*(call[end] for end in _ENDS))  # type: ignore[attr-defined]
            else:
                super()._execute_child(*given)  # type: ignore[misc]

    return FastPopen


def _serve(requests: socket.socket) -> None:
    """Fork commands until nobody can ask for one; return only as a command."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # they may be meant for a group of processes
    while True:
        request, streams, _, _ = socket.recv_fds(requests, _MOST_BYTES, 3)
        if not request:
            atexit._run_exitfuncs()
            os._exit(0)
        answer, pid = os.pipe()
        between = os.fork()
        if between == 0:
            between = os.getpid()
            command = os.fork()
            if command:
                os.write(pid, str(command).encode())
                os._exit(0)
            while os.getppid() == between:
                time.sleep(0.0005)
            for end in (answer, pid):
                os.close(end)
            requests.close()
            _become(streams, *json.loads(request))
            return
        os.close(pid)
        os.waitpid(between, 0)
        requests.send(os.read(answer, _MOST_BYTES))
        for end in (answer, *streams):
            os.close(end)


def _become(
    streams: Sequence[int],
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    new_session: bool,
) -> None:
    """Make this process what Python is before it runs a module."""
    if new_session:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stdout = open(1, "w", 1 if os.isatty(1) else -1, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - stays open
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["m3net", *words]
    # Lightning sets it when it is imported.
    rank_zero_only.rank = _get_rank() or 0  # type: ignore[attr-defined]
    # Temporary folders of libraries belong to the zygote.
    for finalizer in finalize._registry:  # type: ignore[attr-defined]
        finalizer.atexit = False


def _fork_zygote() -> Zygote:
    """Fork a zygote for the commands that this command starts, before it has threads."""
    ours, theirs = _connection()
    # A fork comes back from serving as a command, which needs a zygote too.
    while os.fork() == 0:
        ours.close()
        for number in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        _serve(theirs)
        ours, theirs = _connection()
    theirs.close()
    return Zygote(ours)


def _run() -> int:
    """Run m3net as Python runs a module, and return the exit code."""
    try:
        runpy.run_module("m3net", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - as Python does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """End as Python does, but without taking libraries apart, which copies their memory."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        code = 120
    os._exit(code)


def main() -> None:
    """Import m3net, and run it for each request in a fork."""
    with fast_imports():
        check_installation()
        for library in _LIBRARIES:
            importlib.import_module(library)
    with suppress(ImportError):
        from wandb.sdk.data_types._private import MEDIA_TMP

        atexit.unregister(MEDIA_TMP.cleanup)  # the first command to end would delete it for all
    _serve(socket.socket(fileno=int(sys.argv[1])))
    subprocess.Popen = _popen_by(_fork_zygote())  # type: ignore[misc, assignment]
    _prctl(_PR_SET_NAME, NAME.encode())
    _end(_run())


if __name__ == "__main__":
    main()
