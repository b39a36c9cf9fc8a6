"""Runs commands in one process of their own and notes whatever leaves its bounds.

Python's audit hooks see each program that is started, each file that is opened for writing, removed
or renamed, each module that is imported and each connection, by whichever library.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODULE = "hostile_module"
"""Name of a module whose import is noted."""
_SCRIPT = """
import contextlib, io, json, os, resource, socket, sys, time

given = json.loads(sys.stdin.read())
inside = tuple(os.path.realpath(folder) for folder in given["inside"])
notes = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SILENT = ("/dev/null", "/dev/tty", "/proc/self/")
CACHES = ("__pycache__", os.path.expanduser("~/.cache"), "/matplotlib")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile", "pty.spawn")
# Which of what is given names a place that changes.
CHANGES = {
    "os.remove": [0], "os.rmdir": [0], "os.rename": [0, 1], "os.link": [1], "os.symlink": [1],
    "os.mkdir": [0], "os.truncate": [0], "os.chmod": [0], "shutil.rmtree": [0],
    "shutil.move": [0, 1], "shutil.copyfile": [1],
}
# What libraries start to learn about the machine.
KNOWN = ("git", "uname", "lscpu", "/sbin/ldconfig", "ldconfig", "gcc", "cc", "/usr/bin/gcc")

def is_outside(path):
    if not isinstance(path, (str, bytes)):
        return False
    path = os.fsdecode(path)
    # A link itself may be removed or replaced: what counts is where it lies.
    place = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
    silent = path.startswith(SILENT) or any(cache in place for cache in CACHES)
    return not silent and not place.startswith(inside)

def guard(event, given):
    if event in STARTS:
        program = given[0] if event != "subprocess.Popen" else (given[1] or [given[0]])
        first = program[0] if isinstance(program, (list, tuple)) else program
        if os.fsdecode(str(first)) not in KNOWN:
            notes.append(f"{event} {program}")
    elif event == "open":
        path, mode, flags = given
        writes = (flags or 0) & WRITES if mode is None else set(mode) & set("wax+")
        followed = os.path.realpath(path) if isinstance(path, str) else path
        if writes and (is_outside(path) or is_outside(followed)):
            notes.append(f"open {path} {mode} {flags}")
    elif event in CHANGES:
        if any(is_outside(given[place]) for place in CHANGES[event]):
            notes.append(f"{event} {given}")
    elif event == "import" and given[0].split(".")[0] == "hostile_module":
        notes.append(f"import {given[0]}")
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        if event == "socket.getaddrinfo" or given[0].family in (socket.AF_INET, socket.AF_INET6):
            notes.append(f"{event} {given[1:]}")

from m3net.__main__ import main
import m3net.cli, m3net.api, m3net.commands.report

sys.addaudithook(guard)
told = []
for words in given["commands"]:
    notes.clear()
    out, err = io.StringIO(), io.StringIO()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException as error:
            code = f"{type(error).__name__}: {error}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = time.monotonic() - start
    told.append([code, out.getvalue(), err.getvalue(), list(notes), grown / 2**20, seconds])
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one command.

    Attributes:
        code: Its exit code, or the exception that it ended with.
        out: What it printed.
        err: What it said to standard error.
        notes: What it did to the machine beyond its bounds.
        grown: GiB by which the process grew.
        seconds: How long it took.
    """

    code: int | str
    out: str
    err: str
    notes: list[str]
    grown: float
    seconds: float

    @property
    def sentence(self) -> str:
        """The one sentence of a refusal; without harm to the machine, in bounds of memory and time."""
        assert self.notes == []
        assert self.code == 2, (self.code, self.err)
        assert self.grown < 1
        assert self.seconds < 30
        *before, last = self.err.splitlines()
        assert last.startswith("m3net: "), self.err
        assert "Traceback" not in self.err
        assert not [line for line in before if line.startswith("m3net: ")]
        return last


def run_guarded(
    commands: Iterable[Sequence[object]], inside: Sequence[Path], cwd: Path
) -> list[Outcome]:
    """Run commands one after the other in one process.

    Args:
        commands: Words behind `m3net`.
        inside: Folders that they may write to.
        cwd: Where they run; also searched for modules, as by `python -m`.
    """
    words = [[str(word) for word in own] for own in commands]
    given = {"commands": words, "inside": [str(folder) for folder in inside]}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        cwd=cwd,
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    return [Outcome(*own) for own in json.loads(done.stdout.splitlines()[-1])]
