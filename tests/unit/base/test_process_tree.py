"""Processes that were started end with the one that started them, and with no other."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from m3net.base.process_tree import RUN_FOLDER, ending_with_starter
from m3net.experiments.run import Run

STARTED = """
import sys, time
from m3net.base import process_tree as starter
starter._GRACE_SECONDS = 0.1
with starter.ending_with_starter():
    print("started", flush=True)
    time.sleep(float(sys.argv[1]))
print("ended by itself", flush=True)
"""
STARTING = """
import subprocess, sys, time
from m3net.base import process_tree as starter
with starter.ending_with_starter():
    subprocess.Popen(sys.argv[1:])
    time.sleep(1000)
"""
BY_HAND = (sys.executable, "-c", STARTED)


def start(words: Sequence[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def kill_once_started(starter: subprocess.Popen[str]) -> str:
    """Give what is said by what a process has started, until that is gone as well."""
    assert starter.stdout is not None
    assert starter.stdout.readline() == "started\n"
    starter.kill()
    # Both ends of the pipe are closed only when nobody is left who could write into it.
    out, err = starter.communicate(timeout=20)
    assert out == ""
    return err


def test_a_process_ends_with_the_one_that_started_it() -> None:
    words = (sys.executable, "-c", STARTING, *BY_HAND, "1000")
    said = kill_once_started(start(words, **{RUN_FOLDER: "a run/0"}))
    assert said == (
        "\nm3net: the process that started this one is gone, so this one ends. "
        "To resume a training, run its command again with resume set to 'a run/0'\n"
    )


def test_so_do_those_that_it_has_started_itself() -> None:
    inner = (sys.executable, "-c", STARTING, *BY_HAND, "1000")
    said = kill_once_started(start((sys.executable, "-c", STARTING, *inner)))
    assert said.count("is gone, so this one ends.\n") == 2


def test_a_process_whose_starter_was_gone_before_it_could_look_ends() -> None:
    late = start((*BY_HAND, "1000"), M3NET_STARTER=gone())
    out, err = late.communicate(timeout=20)
    assert (late.returncode, out) == (1, "started\n")
    assert "is gone" in err


@pytest.mark.parametrize("unheard", ["2>&-", "2>&1 >/dev/null | true"])
def test_a_process_that_nobody_can_hear_ends_as_well(tmp_path: Path, unheard: str) -> None:
    """Where all of a pipe are killed, who read standard error is gone with the starter."""
    code = tmp_path / "code"
    script = f'("$@"; echo $? > {shlex.quote(str(code))}) {unheard}'
    words = ("sh", "-c", script, "sh", *BY_HAND, "5")
    subprocess.run(words, env=os.environ | {"M3NET_STARTER": gone()}, check=False)
    end = time.monotonic() + 20
    while not code.exists() or not code.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert code.read_text() == "1\n"


def gone() -> str:
    """Give the number of a process that is there no more."""
    words = [sys.executable, "-c", "import os; print(os.getpid())"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()


def test_nothing_is_handed_down_by_a_process_that_has_run_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Processes that it starts later, as by torchrun, would write into that run."""
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    before = dict(os.environ)
    with ending_with_starter():
        run = Run.create(tmp_path, "own").folder
        assert os.environ[RUN_FOLDER] == str(run)
    assert dict(os.environ) == before


def test_processes_of_torchrun_end_with_it() -> None:
    forget = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"
    words = (sys.executable, "-c", forget, *BY_HAND, "1000")
    assert "is gone" in kill_once_started(start(words, TORCHELASTIC_RUN_ID="none"))


def test_what_a_shell_starts_outlives_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    shell = start(("sh", "-c", f'"$@" > "{log}" & wait', "sh", *BY_HAND, "1.2"))
    while not log.exists() or not log.read_text():
        assert shell.poll() is None
        time.sleep(0.01)
    shell.kill()
    shell.communicate(timeout=20)
    end = time.monotonic() + 20
    while log.read_text() != "started\nended by itself\n":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_a_shell_starts_for_it_is_not_taken_for_left_behind() -> None:
    words = ("sh", "-c", '"$@"; exit $?', "sh", *BY_HAND, "1.2")
    between = start(words, M3NET_STARTER=str(os.getpid()))
    out, err = between.communicate(timeout=20)
    assert (between.returncode, out, err) == (0, "started\nended by itself\n", "")


def test_a_process_of_another_user_is_alive() -> None:
    look = "import os; os.getuid() or os.setuid(65534); raise SystemExit(not _is_alive(1))"
    code = f"from m3net.base.process_tree import _is_alive; {look}"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
