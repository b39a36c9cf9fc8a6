"""Every config file can be used with those it is made for, and a slip in one is named."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from m3net.base.packaged_configs import PREFIX, config_path
from tests.support.commands import CONFIGS, Command

FILES = {kind: sorted((CONFIGS / kind).glob("*.yaml")) for kind in ("data", "model", "experiment")}
LOGGERS = sorted((CONFIGS / "logger").glob("*.yaml"))
SETTINGS = sorted((CONFIGS / "setting").glob("*.yaml"))
ASEN_FAMILY = [CONFIGS / "model" / f"{name}.yaml" for name in ("asen", "asen_v2", "asen_pp")]
COMPARISONS = sorted((CONFIGS / "compare").glob("*.yaml"))


def resolved(m3net: Command, *files: Path) -> CompletedProcess[str]:
    """Parse config files as `m3net train` does, without running it."""
    words = [word for file in files for word in ("--config", str(file))]
    return m3net("train", *words, "--print_config")


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Give each setting under its path."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tree.items():
        inner = isinstance(value, dict)
        found |= leaves(value, (*path, key)) if inner else {(*path, key): value}
    return found


def settings_of(file: Path) -> dict[tuple[str, ...], Any]:
    return leaves(yaml.safe_load(file.read_text(encoding="utf-8")))


def assert_taken_over(file: Path, printed: str) -> None:
    """Find each setting of a file in the printed ones."""
    final = leaves(yaml.safe_load(printed))
    for path, value in settings_of(file).items():
        if path[-1] != "class_path":
            assert final[path] == value, path


def test_all_kinds_of_files_are_there() -> None:
    assert all(FILES.values())
    assert LOGGERS
    assert SETTINGS
    assert COMPARISONS


@pytest.mark.parametrize("model", FILES["model"], ids=lambda file: file.stem)
@pytest.mark.parametrize("data", FILES["data"], ids=lambda file: file.stem)
def test_data_goes_with_every_model(m3net: Command, data: Path, model: Path) -> None:
    done = resolved(m3net, data, model)
    assert done.returncode == 0, done.stderr
    assert_taken_over(data, done.stdout)
    assert_taken_over(model, done.stdout)


@pytest.mark.parametrize("experiment", FILES["experiment"], ids=lambda file: file.stem)
def test_an_experiment_goes_with_its_data_and_every_model(m3net: Command, experiment: Path) -> None:
    own = [data for data in FILES["data"] if not resolved(m3net, data, experiment).returncode]
    assert len(own) == 1, "an experiment is made for one data set"
    for model in FILES["model"]:
        done = resolved(m3net, own[0], model, experiment)
        assert done.returncode == 0, done.stderr
        assert_taken_over(experiment, done.stdout)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda file: file.stem)
@pytest.mark.parametrize("data", FILES["data"], ids=lambda file: file.stem)
def test_a_setting_goes_with_all_data_and_the_asen_family(
    m3net: Command, data: Path, setting: Path
) -> None:
    for model in ASEN_FAMILY:
        done = resolved(m3net, data, model, setting)
        assert done.returncode == 0, done.stderr
        assert_taken_over(setting, done.stdout)


@pytest.mark.parametrize("logger", LOGGERS, ids=lambda file: file.stem)
def test_a_logger_goes_with_the_rest(m3net: Command, logger: Path) -> None:
    done = resolved(m3net, FILES["data"][0], FILES["model"][0], logger)
    assert done.returncode == 0, done.stderr
    assert_taken_over(logger, done.stdout)


@pytest.mark.parametrize("file", COMPARISONS, ids=lambda file: file.stem)
def test_each_system_of_a_comparison_can_be_trained(m3net: Command, file: Path) -> None:
    given = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert given["name"] == file.stem
    assert given["baseline"] in given["systems"]
    for system in given["systems"].values():
        names = (*given["configs"], *system.get("configs", []))
        assert all(name.startswith(PREFIX) for name in names), "a plain path needs the repository"
        files = [config_path(name) for name in names]
        missing = [name for name in files if not name.is_file()]
        assert not missing
        words = [word for name in files for word in ("--config", str(name))]
        flags = [*given.get("flags", []), *system.get("flags", [])]
        done = m3net("train", *words, *flags, "--print_config")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("model:\n  netwrok:\n    backbone: resnet10t", "netwrok"),
        ("model:\n  network:\n    backbon: resnet10t", "backbon"),
        ("data:\n  init_args:\n    seeed: 1", "seeed"),
        ("data:\n  init_args:\n    loading:\n      batchsize: 1", "batchsize"),
        ("trainer:\n  max_epoch: 1", "max_epoch"),
        ("experment: x", "experment"),
    ],
)
def test_a_misspelt_key_of_a_file_is_named(
    m3net: Command, tmp_path: Path, text: str, key: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    done = resolved(m3net, CONFIGS / "data" / "synthetic.yaml", file)
    assert done.returncode == 2
    assert key in done.stderr.split("error:")[1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        ("--model.netwrok.stride=8", "model.netwrok.stride"),
        ("--data.seeed=1", "seeed"),
        ("--data.loading.batchsize=1", "batchsize"),
        ("--max_epochs=1", "max_epochs"),
    ],
)
def test_a_misspelt_flag_is_named(m3net: Command, flag: str, key: str) -> None:
    done = m3net("train", "--config", CONFIGS / "data" / "synthetic.yaml", flag)
    assert done.returncode == 2
    assert key in done.stderr.split("error:")[1]
    assert "Traceback" not in done.stderr


def test_a_wrong_value_is_named(m3net: Command) -> None:
    done = m3net("train", "--data=SyntheticDataModule", "--model.ranking=best")
    assert done.returncode == 2
    assert "best" in done.stderr.split("error:")[1]
    assert "posterior" in done.stderr.split("error:")[1]


def test_a_config_file_that_is_not_there_is_named(m3net: Command, tmp_path: Path) -> None:
    done = m3net("train", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr.split("error:")[1]
