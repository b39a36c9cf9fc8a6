"""Runs commands in one process of their own, which notes whatever leaves its bounds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import ROOT


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

    def check_bounds(self) -> None:
        """See that it did no harm and took at most 1 GiB and 30 s."""
        assert self.notes == []
        assert self.grown < 1
        assert self.seconds < 30

    @property
    def sentence(self) -> str:
        """The one sentence of a refusal, without harm, in bounds of memory and time."""
        self.check_bounds()
        assert self.code == 2, (self.code, self.err)
        *before, last = self.err.splitlines()
        assert last.startswith("m3net: "), self.err
        assert "Traceback" not in self.err
        assert not [line for line in before if line.startswith("m3net: ")]
        return last


class Guard:
    """A process that runs commands one after the other: its imports take longer than they do."""

    def __init__(self) -> None:
        """Start it."""
        found = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hostile.commands"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(found)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, commands: Iterable[Sequence[object]], inside: Sequence[Path], cwd: Path
    ) -> list[Outcome]:
        """Run commands.

        Args:
            commands: Words behind `m3net`.
            inside: Folders that they may write to.
            cwd: Where they run; also searched for modules, as by `python -m`.
        """
        words = [[str(word) for word in own] for own in commands]
        given = {"commands": words, "inside": [str(own) for own in inside], "cwd": str(cwd)}
        told, answer = self._process.stdin, self._process.stdout
        assert told is not None
        assert answer is not None
        told.write(json.dumps(given) + "\n")
        told.flush()
        return [Outcome(*own) for own in json.loads(answer.readline())]

    def end(self) -> None:
        """End it."""
        self._process.communicate()
