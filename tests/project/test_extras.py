"""Without the libraries of an extra, what needs one says so, and all else works."""

import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from m3net.base.extras import check_extra
from tests.support.commands import ROOT, Command
from tests.support.hidden_modules import hide_modules

NO_WANDB = "m3net: Weights & Biases is not installed: pip install 'm3net[wandb]'.\n"
NO_OPTUNA = "m3net: Optuna is not installed: pip install 'm3net[sweep]'.\n"


@pytest.fixture
def without(tmp_path: Path, process: Command) -> Command:
    """Give a function that runs a command where libraries are hidden."""

    def run(hidden: str, *words: object) -> CompletedProcess[str]:
        paths = [hide_modules(tmp_path, hidden), os.environ.get("PYTHONPATH", "")]
        return process(*words, cwd=tmp_path, PYTHONPATH=os.pathsep.join(filter(None, paths)))

    return run


def test_a_training_that_logs_to_wandb_names_the_extra(without: Command, settings: Path) -> None:
    done = without("wandb", "fit", "--config", settings, "--config", "m3net:logger/wandb")
    assert (done.returncode, done.stderr) == (2, NO_WANDB)


def test_a_local_sweep_names_the_extra(without: Command) -> None:
    done = without("optuna", "sweep", "--local", "m3net:sweep/quick")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_OPTUNA)


def test_a_sweep_by_wandb_needs_no_optuna(without: Command) -> None:
    done = without("optuna", "sweep", "m3net:sweep/quick")
    assert done.returncode == 0, done.stderr
    assert "wandb agent" in done.stdout


def test_a_library_that_lacks_another_one_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "optuna.py").write_text("import no_such_library", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "optuna", raising=False)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        check_extra("optuna")


def test_the_package_imports_no_extra() -> None:
    """timm imports wandb where it is installed, so that it is hidden."""
    assert find_spec("optuna"), "there is something to import"
    code = (
        "import sys; sys.modules['wandb'] = None\n"
        "import m3net.workflows.cli, m3net.workflows.commands.sweep\n"
        "import m3net.experiments.wandb_logger\n"
        "print('optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_all_and_the_tools_bring_each_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    single = sorted(extras.keys() - {"all", "dev", "docs"})
    assert extras["all"] == [f"m3net[{','.join(single)}]"]
    assert "m3net[all]" in extras["dev"]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"`m3net[{extra}]`" in readme for extra in (*single, "all"))
