"""The format of a sweep file: what it can say, and what is refused in one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from m3net.errors import ConfigError
from m3net.workflows.studies.sweep_file import Sweep, read_sweep

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
def test_flags_replace_the_placeholder_of_the_command(tmp_path: Path, start: list[str]) -> None:
    command = [*start, *FILE["command"][2:]]
    sweep = read(tmp_path, {"command": command, "program": "m3net"})
    arguments = sweep.arguments({"model.loss.instance.margin": 0.25, "trainer.max_epochs": 2})
    flags = ("--model.loss.instance.margin=0.25", "--trainer.max_epochs=2")
    assert arguments == ("--config", "a.yaml", *flags, "--experiment=x")
    assert sweep.name == "own"


def test_the_smallest_bound_is_the_number_of_trials(tmp_path: Path) -> None:
    grid = {"method": "grid", "parameters": {"a": {"values": [1, 2]}, "b": {"min": 1, "max": 3}}}
    assert read(tmp_path, grid).count(None) == 6
    assert read(tmp_path, grid).count(9) == 6
    assert read(tmp_path, grid | {"run_cap": 4}).count(None) == 4
    assert read(tmp_path, {"run_cap": 4}).count(2) == 2
    for asked in (None, 0, -1):
        with pytest.raises(ConfigError, match="set trials to a positive number"):
            read(tmp_path, {}).count(asked)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduler": {"engine": "ax"}}, "scheduler: there is no such setting"),
        ({"method": "custom"}, "method: Input should be 'grid', 'random' or 'bayes'"),
        (
            {"metric": {"name": "val/map", "goal": "maximize"}},
            "metric.name: Input should be 'val/map_all'",
        ),
        (
            {"metric": {"name": "val/map_all", "goal": "minimize"}},
            "metric.goal: Input should be 'maximize'",
        ),
        (
            {"metric": {"name": "val/map_all", "goal": "maximize", "target": 1}},
            "metric.target: there is no such setting",
        ),
        ({"run_cap": 0}, "run_cap: Input should be greater than 0"),
        ({"name": "../up"}, "name is '../up'"),
        ({"parameters": {}}, "parameters: Dictionary should have at least 1 item"),
        ({"command": ["m3net", "train", "${args}"]}, "command must be .*fit"),
        ({"command": ["m3net", "fit"]}, r"command must be .*\$\{args\}"),
        ({"command": ["m3net", "fit", "${args_no_hyphens}", "${args}"]}, "args_no_hyphens"),
        ({"command": ["python", "train.py", "${args}"]}, "command must be .*m3net"),
        ({"method": "grid"}, "parameters.model.loss.instance.margin: a grid needs values"),
    ],
)
def test_an_unsupported_key_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=rf"own\.yaml: .*{said}"):
        read(tmp_path, changes)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (3, "Input should be an object"),
        ({"parameters": {"lr": {"value": 1}}}, "there is no such setting"),
        (
            {"distribution": "normal", "mu": 0, "sigma": 1},
            "distribution: String should match pattern .*q_uniform",
        ),
        ({"values": [1, 2], "probabilities": [0.5, 0.5]}, "there is no such setting"),
        ({"values": []}, "at least 1 item"),
        ({"min": 0.1}, "uniform takes max and min, and nothing else"),
        ({"min": 1, "max": 2, "q": 1}, "int_uniform takes max and min, and nothing else"),
        ({"min": "1e-3", "max": 1}, "min: it must be a number"),
        ({"min": 0.5, "max": 0.1}, "min 0.5 must be below max 0.1"),
        ({"min": 0.5, "max": float("inf")}, "max: it must be a number"),
        ({"min": float("nan"), "max": 0.5}, "min: it must be a number"),
        ({"min": 1, "max": 10**400}, "it must be a number"),
        (
            {"distribution": "log_uniform", "min": 1, "max": 2},
            "distribution: .*log_uniform_values",
        ),
        ({"distribution": "inv_log_uniform", "min": -1, "max": 1}, "distribution: "),
        ({"distribution": "q_uniform", "min": 0, "max": 1}, "takes max and min and q"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "q must be"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "must be positive"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 2}, "must be integers"),
        ({"distribution": "q_uniform", "min": 0.1, "max": 1, "q": 0.25}, "must be multiples of q"),
    ],
)
def test_an_unsupported_parameter_is_named(tmp_path: Path, parameter: object, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"own\.yaml: parameters\.model\.lr[.:].*{said}"):
        read(tmp_path, {"parameters": {"model.lr": parameter}})


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    for text in ("a: [", "- 1"):
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"own\.yaml"):
            read_sweep(tmp_path / "own.yaml")
