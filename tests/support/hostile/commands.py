"""`python -m tests.support.hostile.commands`: run commands from standard input and report.

Each line is {"commands": [[word, ...], ...], "inside": [folder, ...], "cwd": folder}. For each it
prints one line: for each command what `tests.support.hostile.guard.Outcome` holds.
"""

import io
import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import m3net.serving
import m3net.workflows.cli
import m3net.workflows.commands.report  # noqa: F401 - what commands import is loaded before they are watched
from m3net.__main__ import main
from tests.support.hostile.audit import watching


def _run(words: Sequence[str], inside: Sequence[Path]) -> list[Any]:
    out, err = io.StringIO(), io.StringIO()
    before, start = _forget_peak(), time.monotonic()
    code: int | str
    with watching(inside) as notes, redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
            code = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - start
    return [code, out.getvalue(), err.getvalue(), notes, _peak() - before, seconds]


def _forget_peak() -> float:
    """Let the greatest memory be that of now, where the system can; give it in GiB."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    """Give the most memory that the process has had, in GiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        os.chdir(asked["cwd"])
        sys.path.insert(0, asked["cwd"])
        folders = [Path(folder) for folder in asked["inside"]]
        told = [_run(words, folders) for words in asked["commands"]]
        sys.path.remove(asked["cwd"])
        print(json.dumps(told), flush=True)
