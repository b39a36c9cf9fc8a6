"""The form of a sweep file: what is read of it, and what is refused in words."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from m3net.errors import ConfigError
from m3net.workflows.studies.sweep.file import Sweep, read_sweep

FILE: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "val/map_all", "goal": "maximize"},
    "parameters": {
        "model.loss.instance.margin": {"min": 0.1, "max": 0.5},
        "trainer.max_epochs": {"value": 2},
    },
    "command": ["${env}", "m3net", "fit", "--config", "a.yaml", "${args}", "--experiment=x"],
}


def read(folder: Path, changes: dict[str, Any]) -> Sweep:
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(FILE | changes), encoding="utf-8")
    return read_sweep(file)


@pytest.mark.parametrize(
    "start",
    [
        ["${env}", "m3net"],
        ["m3net"],
        ["${env}", "${interpreter}", "-m", "m3net"],
        ["${env}", "${program}"],
    ],
)
def test_flags_stand_where_the_command_says(tmp_path: Path, start: list[str]) -> None:
    command = [*start, *FILE["command"][2:]]
    sweep = read(tmp_path, {"command": command, "program": "m3net"})
    words = sweep.words({"model.loss.instance.margin": 0.25, "trainer.max_epochs": 2})
    flags = ("--model.loss.instance.margin=0.25", "--trainer.max_epochs=2")
    assert words == ("--config", "a.yaml", *flags, "--experiment=x")
    assert sweep.name == "own"


def test_the_number_of_trials_is_the_least_of_what_is_said(tmp_path: Path) -> None:
    grid = {"method": "grid", "parameters": {"a": {"values": [1, 2]}, "b": {"min": 1, "max": 3}}}
    assert read(tmp_path, grid).count(None) == 6
    assert read(tmp_path, grid).count(9) == 6
    assert read(tmp_path, grid | {"run_cap": 4}).count(None) == 4
    assert read(tmp_path, {"run_cap": 4}).count(2) == 2
    for asked in (None, 0, -1):
        with pytest.raises(ConfigError, match="give a positive --trials"):
            read(tmp_path, {}).count(asked)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduler": {"engine": "ax"}}, "scheduler is not known"),
        ({"method": "custom"}, "method is 'custom'"),
        ({"metric": {"name": "val/map", "goal": "maximize"}}, "metric is .*val/map"),
        ({"metric": {"name": "val/map_all", "goal": "minimize"}}, "metric is .*minimize"),
        (
            {"metric": {"name": "val/map_all", "goal": "maximize", "target": 1}},
            "metric is .*target",
        ),
        ({"run_cap": 0}, "run_cap is 0"),
        ({"name": "../up"}, "name is '../up'"),
        ({"parameters": {}}, "parameters is missing"),
        ({"command": ["m3net", "train", "${args}"]}, "command must be .*fit"),
        ({"command": ["m3net", "fit"]}, r"command must be .*\$\{args\}"),
        ({"command": ["m3net", "fit", "${args_no_hyphens}", "${args}"]}, "args_no_hyphens"),
        ({"command": ["python", "train.py", "${args}"]}, "command must be .*m3net"),
        ({"method": "grid"}, "parameters.model.loss.instance.margin has no end of values"),
    ],
)
def test_what_is_only_wandbs_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=rf"own\.yaml: .*{said}"):
        read(tmp_path, changes)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (3, "value, values, or min and max"),
        ({"parameters": {"lr": {"value": 1}}}, "nested"),
        ({"distribution": "normal", "mu": 0, "sigma": 1}, "distribution normal is not known"),
        ({"values": [1, 2], "probabilities": [0.5, 0.5]}, "probabilities does not go"),
        ({"values": []}, "not an empty one"),
        ({"min": 0.1}, "max is missing"),
        ({"min": 1, "max": 2, "q": 1}, "q does not go"),
        ({"min": "1e-3", "max": 1}, "min is '1e-3': it must be a number"),
        ({"min": 0.5, "max": 0.1}, "no range"),
        ({"min": 0.5, "max": float("inf")}, "max is inf: it must be a number"),
        ({"min": float("nan"), "max": 0.5}, "min is nan: it must be a number"),
        ({"min": 1, "max": 10**400}, "it must be a number"),
        ({"distribution": "log_uniform", "min": 1, "max": 1000}, "is log_uniform_values"),
        ({"distribution": "inv_log_uniform", "min": -800, "max": 1}, "is inv_log_uniform_values"),
        ({"distribution": "log_uniform", "min": -2000, "max": -1000}, "are powers of e"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "no range"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 2}, "must be integers"),
        ({"distribution": "q_uniform", "min": 0.1, "max": 1, "q": 0.25}, "a multiple of q"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path: Path, parameter: object, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"own\.yaml: parameters\.model\.lr: .*{said}"):
        read(tmp_path, {"parameters": {"model.lr": parameter}})


def test_what_is_no_sweep_file_is_refused(tmp_path: Path) -> None:
    for text in ("a: [", "- 1"):
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"own\.yaml"):
            read_sweep(tmp_path / "own.yaml")
