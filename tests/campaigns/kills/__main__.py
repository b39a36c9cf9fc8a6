"""Kill trainings at random, let them go on, and compare them with ones that nobody stopped.

`python -m tests.campaigns.kills [--kills 24] [--seed 0] [--case NAME ...] [--signal NAME ...]`
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import lightning  # noqa: F401 - before any other library; see tests/conftest.py

from tests.campaigns.kills.cases import CASES, STARTING, TRUST, TWO, prepare, words_of
from tests.campaigns.kills.equality import differences
from tests.campaigns.kills.processes import Training, start

CODES = {"SIGKILL": -9, "SIGTERM": 75, "SIGUSR1": 75, "SIGINT": 130}
"""Exit codes of a training that a signal ends."""
SPARE = 0.15
"""Seconds by which a moment may come before or after those of the whole training."""
START = 6.0
"""Seconds that a second process takes to import all."""


def uninterrupted(case: str, folder: Path) -> tuple[Path, float]:
    """Train once without a stop.

    Returns:
        The run folder, and the seconds from its first file to its end.
    """
    run = folder / "runs" / "whole" / case / "kills" / "0"
    words = ["train", *words_of(case, folder), "--runs", run.parents[1]]
    training = start(words, folder / f"{case}-whole.log", case == TWO)
    training.wait_for((run / "config.yaml").exists)
    begin = time.monotonic()
    code = training.wait()
    if code:
        sys.exit(f"{training.log.read_text()}\n{case} failed: {code}")
    return run, time.monotonic() - begin


def wait_for_writing(training: Training, folder: Path, chance: random.Random) -> None:
    """Wait until one of the first checkpoints is being written."""

    def written() -> bool:
        return any(folder.glob(".*.ckpt.part"))

    for _ in range(chance.randrange(3)):
        if not (training.wait_for(written) and training.wait_for(lambda: not written())):
            return
    if training.wait_for(written):
        time.sleep(chance.random() * 0.002)


def wait_for_start_of_loaders(training: Training, chance: random.Random) -> None:
    """Wait until one of the first loader processes, two to train and two to validate, starts."""
    number = chance.randrange(1, 5)
    if training.wait_for(lambda: len(training.children()) >= number):
        time.sleep(chance.random() * 0.6)


def wait_for_moment(
    case: str, training: Training, run: Path, seconds: float, chance: random.Random
) -> str:
    """Wait until a moment has come, and name it."""
    if chance.random() < 0.4 and case != STARTING:
        wait_for_writing(training, run / "checkpoints", chance)
        return "while a checkpoint was written"
    if case == STARTING:
        wait_for_start_of_loaders(training, chance)
        return "while loaders started"
    time.sleep(chance.random() * (seconds + SPARE))
    return "at a moment"


def kill_one_of_two(training: Training, seconds: float, chance: random.Random) -> tuple[int, str]:
    """Kill one of two processes at a moment.

    Returns:
        The exit code that the first one then has, and what was killed when.
    """
    second = training.wait_for_second()
    if second is None:
        return 0, "none, since there is nothing left to do"
    moment, killed = chance.random() * (START + seconds), chance.choice(("first", "second"))
    time.sleep(moment)
    with suppress(ProcessLookupError):
        os.kill(training.pid if killed == "first" else second, signal.SIGKILL)
    return -9 if killed == "first" else 1, f"the {killed}, {moment:.1f} s after the second came"


def check_said(training: Training, run: Path) -> None:
    """See that the process that was not killed has said why it ended too."""
    said = training.log.read_text()
    # Later it may have ended before the other one was killed.
    if "so that" not in said and not (run / "test" / "scores.csv").exists():
        sys.exit(f"{said}\n{training.log}: nobody has said why")


def kill_one(
    case: str, folder: Path, whole: tuple[Path, float], chance: random.Random, signame: str
) -> tuple[int, str]:
    """Train, kill once or more, go on each time, and compare.

    Returns:
        How often it was killed before it ended by itself, and what happened.
    """
    root = folder / "runs" / "killed" / case
    shutil.rmtree(root, ignore_errors=True)
    run = root / "kills" / "0"
    words = ["train", *words_of(case, folder), "--runs", root]
    story, kills = [], 0
    one_of_two = case == TWO and signame == "SIGKILL"
    for number in range(1 + (chance.random() < 0.25)):
        training = start(words, folder / f"{case}-{number}.log", case == TWO)
        if one_of_two:
            stopped, moment = kill_one_of_two(training, whole[1], chance)
        else:
            training.wait_for((run / "config.yaml").exists)
            moment = wait_for_moment(case, training, run, whole[1], chance)
            training.send(signal.Signals[signame])
            stopped = CODES[signame]
        code = training.wait()
        training.wait_for_others_to_end()
        if one_of_two:
            check_said(training, run)
        if code not in (stopped, 0):
            sys.exit(f"{training.log.read_text()}\n{case} was not stopped but ended: {code}")
        kills += code == stopped != 0
        parts = " and ".join(part.name for part in run.rglob(".*.part"))
        last = "with" if (run / "checkpoints" / "last.ckpt").exists() else "before any"
        left = f", leaving {parts}" if parts else ""
        story.append(f"{moment}, {last} last.ckpt{left}: exit {code}")
        if (run / "config.yaml").exists():
            words = ["train", "--resume", run, *(f"--trust={own}" for own in TRUST)]
        else:
            shutil.rmtree(root, ignore_errors=True)
    training = start(words, folder / f"{case}-resumed.log", case == TWO)
    code = training.wait()
    said = [line for line in training.log.read_text().splitlines() if line.startswith("m3net")]
    story += said
    if code:
        sys.exit(f"{training.log.read_text()}\n{case} did not go on: {code}; {story}")
    found = differences(whole[0], run)
    if found:
        sys.exit(f"{case} ended otherwise: {found[:12]}; {story}")
    return kills, "; ".join(story)


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", nargs="+", default=["SIGKILL"], choices=[*CODES])
    parser.add_argument("--case", nargs="+", default=list(CASES), choices=list(CASES))
    given = parser.parse_args()
    from m3net.workflows import cli  # noqa: F401 - so that each process has it

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        wholes: dict[str, tuple[Path, float]] = {}
        kills, start_of_all = 0, time.monotonic()
        for number in count():
            case = given.case[number % len(given.case)]
            signame = given.signal[number % len(given.signal)]
            if case not in wholes:
                wholes[case] = uninterrupted(case, folder)
            seed = f"{given.seed}-{number}"
            own, story = kill_one(case, folder, wholes[case], random.Random(seed), signame)
            kills += own
            print(f"{kills}/{given.kills} {signame}, {case}, seed {seed}, {story}", flush=True)
            if kills >= given.kills:
                break
    took = (time.monotonic() - start_of_all) / 60
    print(
        f"{kills} {' and '.join(given.signal)}, {number + 1} trainings of {len(wholes)} kinds, "
        f"{took:.0f} min: all ended bit for bit as without"
    )


if __name__ == "__main__":
    main()
