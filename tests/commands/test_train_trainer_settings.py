"""Settings of Lightning's trainer: they work as typed, or are refused in one sentence."""

import importlib.util
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from tests.support.commands import Command, Refusal


@pytest.fixture
def train(m3net: Command, settings: Path, tmp_path: Path) -> Command:
    """Give a function that trains and tests on the shop with something changed."""

    def run(*words: object) -> CompletedProcess[str]:
        return m3net("train", "--config", settings, "--runs", tmp_path / "runs", *words)

    return run


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ("trainer.precision=bf16-true", "bf16-mixed"),
        ("trainer.precision=16-true", "bf16-mixed"),
        ("trainer.precision=64-true", "32-true"),
        ("trainer.overfit_batches=1", "trainer.limit_train_batches"),
        ("trainer.overfit_batches=0.5", "trainer.limit_train_batches"),
        ("trainer.max_epochs=0", "raise it"),
        ("trainer.max_steps=0", "raise it"),
        ("trainer.limit_train_batches=0", "raise it"),
        ("trainer.limit_train_batches=0.0", "raise it"),
        ("trainer.devices=[7,8,9]", "the settings of trainer cannot be used"),
        ("trainer.accelerator=tpu", ""),
        ("trainer.callbacks=LearningRateFinder", "search model.optimizer.lr by m3net sweep"),
        ("trainer.callbacks=BatchSizeFinder", "data.loading.batch_size"),
        ("trainer.callbacks=DeviceStatsMonitor", "Install it"),
    ],
)
def test_refused_before_the_training(
    setting: str, remedy: str, train: Command, refusal: Refusal, tmp_path: Path
) -> None:
    if "DeviceStats" in setting and importlib.util.find_spec("psutil"):
        pytest.skip("only a missing psutil is refused")
    assert remedy in refusal(train(f"--{setting}"))
    assert not list(tmp_path.glob("runs/*/*/checkpoints/*.ckpt"))


@pytest.mark.parametrize(
    "setting",
    [
        "trainer.limit_val_batches=0",
        "checkpoint.save_top_k=0",
        "trainer.check_val_every_n_epoch=5",
    ],
)
def test_without_a_best_checkpoint_the_last_weights_are_tested(
    setting: str, train: Command, tmp_path: Path
) -> None:
    done = train(f"--{setting}")
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "shop" / "0"
    assert (run / "test" / "scores.csv").is_file()
    assert (run / "finished.json").is_file()


def test_a_number_of_batches_is_no_share(process: Command, settings: Path, tmp_path: Path) -> None:
    names = [f"limit_{part}_batches" for part in ("train", "val", "test", "predict")]
    names.append("val_check_interval")
    flags = [f"--trainer.{name}=1" for name in names]
    for words in (flags, [*flags[:2], "--trainer.limit_test_batches=0.5"]):
        done = process("fit", "--config", settings, *words, "--print_config", cwd=tmp_path)
        read = yaml.safe_load(done.stdout)["trainer"]
        for word in words:
            name, _, value = word.removeprefix("--trainer.").partition("=")
            assert repr(read[name]) == value, name
    file = tmp_path / "one.yaml"
    file.write_text(yaml.safe_dump({"trainer": dict.fromkeys(names, 1)}), encoding="utf-8")
    done = process("fit", "--config", settings, "--config", file, "--print_config", cwd=tmp_path)
    read = yaml.safe_load(done.stdout)["trainer"]
    assert {repr(read[name]) for name in names} == {"1"}


@pytest.mark.parametrize("name", ["CSVLogger", "lightning.pytorch.loggers.CSVLogger"])
def test_a_logger_of_lightning_writes_into_the_run_folder(
    name: str, train: Command, tmp_path: Path
) -> None:
    done = train(f"--trainer.logger={name}")
    assert done.returncode == 0, done.stderr
    [curves] = (tmp_path / "runs" / "shop" / "0").glob("**/metrics.csv")
    assert "train/loss" in curves.read_text(encoding="utf-8")


def test_tensorboard_works_or_is_missing(train: Command, refusal: Refusal, tmp_path: Path) -> None:
    done = train("--trainer.logger=TensorBoardLogger")
    if any(map(importlib.util.find_spec, ("tensorboard", "tensorboardX"))):
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / "runs" / "shop" / "0").glob("**/events.out.*"))
    else:
        assert "pip install tensorboard" in refusal(done)


@pytest.mark.parametrize("letters", ["x", "颜"])
def test_a_very_long_attribute_name(
    letters: str, train: Command, catalogue: Path, tmp_path: Path
) -> None:
    shop = Path(shutil.copytree(catalogue.parent, tmp_path / "shop")) / catalogue.name
    text = shop.read_text(encoding="utf-8")
    shop.write_text(text.replace("sleeve_length", letters * 300, 1), encoding="utf-8")
    done = train("--data.file", shop, f"--data.columns.attributes=[{letters * 300}]")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/shop/0/test/galleries/*=*.png"))
