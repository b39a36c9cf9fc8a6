"""What the first process says when another one ends, with Lightning's launcher and processes."""

import subprocess
import sys
from pathlib import Path

import pytest

# As a command of m3net is: the launcher starts it again for the other process.
SCRIPT = """
import os, signal, sys, time
if "LOCAL_RANK" in os.environ:
    {end}
from pathlib import Path
from types import SimpleNamespace
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from m3net.training.callbacks.process_watch import ProcessWatch
launcher = _SubprocessScriptLauncher(LightningEnvironment(), num_processes=2, num_nodes=1)
strategy = SimpleNamespace(launcher=launcher)
ProcessWatch(Path("runs/a/0")).start(SimpleNamespace(world_size=2, strategy=strategy))
launcher.launch(time.sleep, {seconds})
print("done", len(launcher.procs))
"""


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("sys.exit(2)", "has failed, exit code 2"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
    ],
)
def test_where_another_process_ends_the_first_one_says_so_and_ends(
    tmp_path: Path, end: str, how: str
) -> None:
    file = tmp_path / "command.py"
    file.write_text(SCRIPT.format(end=end, seconds=60), encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"m3net: process 1 of 2 {how}, so all others end. To resume" in done.stderr
    assert done.stderr.rstrip().endswith("resume set to 'runs/a/0'")


def test_the_first_process_may_end_when_others_have_done_their_part(tmp_path: Path) -> None:
    file = tmp_path / "command.py"
    # Lightning looks after five seconds.
    file.write_text(SCRIPT.format(end="sys.exit(0)", seconds=7), encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done 1\n")
