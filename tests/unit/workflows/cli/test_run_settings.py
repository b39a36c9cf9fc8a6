"""Settings of a run folder are let through as they were written, and as nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3net.errors import CheckpointError
from m3net.workflows.cli import resolve
from m3net.workflows.cli.run_settings import classes_to_trust, resumable_settings
from tests.support.commands import CONFIGS
from tests.support.hostile.runs import put

NETWORK = "model.network.init_args"
DATA = sorted((CONFIGS / "data").glob("*.yaml"))
MODELS = sorted((CONFIGS / "model").glob("*.yaml"))
Written = Callable[[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return resolve(["fit", "--config", str(CONFIGS / "data/synthetic.yaml")])


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Give a function that writes settings into a run folder."""

    def write(given: dict[str, Any]) -> Path:
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.promise("run-classes")
@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_each_system_is_resumed_without_trust(written: Written, model: Path) -> None:
    data = DATA[MODELS.index(model) % len(DATA)]
    table = ["--data.file=a.csv"] if data.stem == "catalogue" else []
    given = resolve(["train", "--config", str(data), "--config", str(model), *table])
    run = written(given)
    assert classes_to_trust(run) == []
    kept = {
        name: own for name, own in given.items() if name not in ("ckpt_path", "runs", "experiment")
    }
    assert resumable_settings(run, ()) == {n: own for n, own in kept.items() if n != "weights_only"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("trainer.max_time", "00:12:00:00"),
        ("trainer.max_time", {"hours": 3}),
        ("checkpoint.train_time_interval", "1 day, 0:10:00"),
        ("trainer.devices", [0, 1]),
        ("trainer.devices", "auto"),
        ("trainer.strategy", "ddp_find_unused_parameters_true"),
        ("trainer.val_check_interval", 0.5),
        ("trainer.profiler", "simple"),
        ("checkpoint.filename", "{epoch}-{val/map_all:.2f}"),
        ("checkpoint.save_top_k", -1),
        ("seed_everything", False),
        ("trainer.logger", {"class_path": "m3net.experiments.wandb_logger.RunWandbLogger"}),
    ],
)
def test_what_a_training_may_set_is_let_through(
    written: Written, settings: dict[str, Any], place: str, value: object
) -> None:
    given = yaml.safe_load(yaml.safe_dump(settings))
    put(place, value)(given)
    resumable_settings(written(given), ())


@pytest.mark.promise("run-classes")
@pytest.mark.parametrize("setting", [{"entity": "somebody"}, {"log_model": True}])
def test_a_logger_that_sends_to_others_is_trusted_by_name(
    written: Written, settings: dict[str, Any], setting: dict[str, Any]
) -> None:
    logger = {"class_path": "m3net.experiments.wandb_logger.RunWandbLogger", "init_args": setting}
    run = written({**settings, "trainer": {**settings["trainer"], "logger": logger}})
    with pytest.raises(
        CheckpointError, match=r"sends .* --trust=m3net.experiments.wandb_logger.RunWandbLogger"
    ):
        resumable_settings(run, ())
    resumable_settings(run, classes_to_trust(run))


@pytest.mark.promise("run-types")
@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (
            "model.network.init_args.attention_dim",
            "512",
            "model.network.init_args.attention_dim: Input should be",
        ),
        (
            "model.network.init_args.more",
            1,
            "by this version of m3net: model.network.init_args.more: there is no such",
        ),
        ("more", 1, "by this version of m3net: more: there is no such setting"),
        ("data.init_args.more", 1, "data.init_args.more: there is no such setting"),
        ("data.more", 1, "data.more: there is no such setting"),
        ("trainer.max_epochs", "ten/eleven", "trainer.max_epochs"),
        ("trainer.devices", 100_000, "trainer.devices"),
        ("checkpoint.filename", ".hidden", "checkpoint.filename"),
        ("checkpoint.filename", "a/b", "checkpoint.filename"),
        ("checkpoint.filename", "{epoch:99999d}", "checkpoint.filename"),
        ("trainer", None, "trainer: Input should be"),
        ("data", {"init_args": {"loading": "a.yaml"}}, "data.class_path: Field required"),
        ("trainer.callbacks", [{"init_args": {}}], "trainer.callbacks"),
        ("trainer.logger", {"init_args": {}}, "trainer.logger"),
    ],
)
def test_what_no_training_has_written_is_named(
    written: Written, settings: dict[str, Any], place: str, value: object, problem: str
) -> None:
    given = yaml.safe_load(yaml.safe_dump(settings))
    put(place, value)(given)
    with pytest.raises(CheckpointError) as caught:
        resumable_settings(written(given), ())
    assert str(caught.value).startswith(f"{written(given)}/config.yaml is not the config.yaml")
    assert problem in str(caught.value)
