"""Each file of configs/sweep, before W&B's own schema and before the command line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3net.boundary.typed import read_named
from m3net.losses import Term
from m3net.models import NetworkConfig
from m3net.training.optimization import OptimizerConfig
from m3net.workflows.cli import resolve
from m3net.workflows.studies.sweep_file import read_sweep
from tests.support.commands import ROOT

FILES = sorted((ROOT / "configs" / "sweep").glob("*.yaml"))
DATA = {file.stem for file in (ROOT / "configs" / "data").glob("*.yaml")}
JUDGE = """
import json, sys
import jsonschema, yaml
schema = json.load(open(sys.argv[1]))
judge = jsonschema.Draft7Validator(schema)
for name in sys.argv[2:]:
    for error in judge.iter_errors(yaml.safe_load(open(name))):
        print(name, error.json_path, error.message)
"""


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The start of a command that names what W&B would refuse in files.

    W&B's package wants a numpy of its own, so that its schema alone is taken.
    """
    folder = tmp_path_factory.mktemp("wandb_sweeps")
    into = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    for wanted in (["--no-deps", "sweeps==0.3.0"], ["jsonschema>=4"]):
        done = subprocess.run([*into, *wanted], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{wanted[-1]} cannot be installed: {done.stderr.strip()[-200:]}")
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{JUDGE}"
    return [sys.executable, "-c", program, str(folder / "sweeps" / "config" / "schema.json")]


def test_wandb_takes_each_file(judge: list[str], tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.yaml"
    content = yaml.safe_load(FILES[0].read_text("utf-8")) | {"method": "guess", "cap": 1}
    spoilt.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run([*judge, *FILES, spoilt], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2, lines
    assert all(line.startswith(str(spoilt)) for line in lines)


def test_each_data_set_has_a_file() -> None:
    assert {file.stem for file in FILES} == DATA - {"synthetic"} | {"quick"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_training_takes_each_flag_with_values_of_its_range(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    sweep = read_sweep(file)
    assert sweep.name == file.stem
    for values in sweep.edges():
        settings = resolve(("fit", *sweep.arguments(values)))
        for name, value in values.items():
            assert setting(settings, name) == value
        # Ranges within which a network can be built and trained.
        model = settings["model"]
        for term in model["loss"].values():
            read_named(Term, term)  # type: ignore[type-abstract]
        OptimizerConfig(**model["optimizer"])
        read_named(NetworkConfig, model["network"])  # type: ignore[type-abstract]


def setting(settings: dict[str, Any], name: str) -> object:
    """Look up what a flag sets."""
    found: Any = settings
    for part in name.split("."):
        found = found.get("init_args", found)[part]
    return found
