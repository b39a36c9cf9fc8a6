"""The wheel, installed without the repository and without extras: the quickstart trains by it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from subprocess import CompletedProcess
from zipfile import ZipFile

import pytest

from tests.support.commands import ROOT, Command
from tests.support.hidden_modules import hide_modules

EXTRAS = ("wandb", "optuna")


def install(folder: Path, *words: str) -> CompletedProcess[str]:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    return subprocess.run([*pip, *words], capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the repository as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    system = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    tools = folder / "tools"
    done = install(tools, *system["requires"])
    if done.returncode:
        pytest.skip(f"{system['requires']} cannot be installed: {done.stderr.strip()[-200:]}")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    [file] = folder.glob("m3net-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Give a function that runs Python where the wheel is installed and no extra is.

    All other libraries are those of this environment; torch alone would take minutes to install.
    """
    site = tmp_path_factory.mktemp("site")
    done = install(site, "--no-deps", "--no-index", str(wheel))
    assert done.returncode == 0, done.stderr
    hidden = hide_modules(tmp_path_factory.mktemp("hidden"), *EXTRAS)
    current = tmp_path_factory.mktemp("current")
    paths = os.pathsep.join((str(site), hidden))

    def run(*words: str) -> CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", *words],
            cwd=current,
            env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=600,
        )

    done = run("-c", "import m3net; print(m3net.__file__)")
    assert Path(done.stdout.strip()) == site / "m3net" / "__init__.py", done.stderr
    for extra in EXTRAS:
        assert f"No module named '{extra}'" in run("-c", f"import {extra}").stderr
    return run


def test_the_wheel_holds_the_package_and_its_configs(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = [path for path in (ROOT / "src" / "m3net").rglob("*") if path.is_file()]
    sources = [path for path in package if "__pycache__" not in path.parts]
    configs = [path for path in (ROOT / "configs").rglob("*.yaml") if path.is_file()]
    wanted = {path.relative_to(ROOT / "src").as_posix() for path in sources}
    wanted |= {f"m3net/{path.relative_to(ROOT).as_posix()}" for path in configs}
    assert names == wanted
    assert "m3net/py.typed" in names
    assert "m3net/configs/data/catalogue.yaml" in names


def test_its_configs_are_listed(installed: Command) -> None:
    done = installed("-m", "m3net", "configs")
    assert len(done.stdout.splitlines()) == len([*(ROOT / "configs").rglob("*.yaml")]), done.stderr


def test_the_quickstart_trains_away_from_the_repository(installed: Command) -> None:
    """With the config files of `make quickstart`, on fewer and smaller images."""
    recipe = (ROOT / "Makefile").read_text("utf-8")
    files = ["data/synthetic", "model/m3net", "experiment/quickstart"]
    assert all(f"--config configs/{name}.yaml" in recipe for name in files)
    configs = [f"--config=m3net:{name}" for name in files]
    few = ["--data.num_images=100", "--data.drawn_size=32", "--data.loading.image_size=32"]
    short = ["--data.loading.num_workers=0", "--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
    done = installed("-m", "m3net", "train", *configs, *few, *short)
    assert done.returncode == 0, done.stderr
    look = "import m3net, os; m3net.load('runs/quickstart/0'); print(*os.listdir('{}'))"
    loaded = installed("-c", look.format("runs/quickstart/0/test"))
    written = set(loaded.stdout.split())
    assert {"scores.csv", "gallery.png", "attention.png", "report.html"} <= written, loaded.stderr


def test_what_synthesize_prints_works_from_there(installed: Command) -> None:
    done = installed("-m", "m3net", "synthesize", "shop", "--num_images=2", "--size=32")
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[-1].removeprefix("next: m3net ").split()
    done = installed("-m", "m3net", *words, "--print_config")
    assert done.returncode == 0, done.stderr
    assert "file: shop/catalogue.csv" in done.stdout
