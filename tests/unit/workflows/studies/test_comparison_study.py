"""From a comparison to the arguments of its trainings."""

from pathlib import Path

import pytest

from m3net.base.terminal import Terminal
from m3net.errors import ConfigError
from m3net.workflows.cli import resolve
from m3net.workflows.studies.comparison import Budget, Comparison, System
from m3net.workflows.studies.comparison_study import ComparisonStudy, images_per_step
from tests.support.commands import CONFIGS

DATA = str(CONFIGS / "data" / "synthetic.yaml")
MODEL = str(CONFIGS / "model" / "m3net_c.yaml")
COMPARISON = Comparison(
    name="try",
    systems={
        "a": System(flags=["--trainer.max_epochs=7"]),
        "c": System(configs=[MODEL], flags=["--model.ranking=posterior"], rankings=["class"]),
    },
    budget=Budget(images=1000),
    configs=[DATA],
    flags=["--data.loading.batch_size=48"],
    rankings=["attribute", "class"],
)


@pytest.fixture(scope="module")
def study() -> ComparisonStudy:
    return ComparisonStudy(COMPARISON, Path("there"), Terminal())


def test_what_is_shared_comes_before_what_is_a_systems_own(study: ComparisonStudy) -> None:
    arguments = study.training("c", 5, 1000).arguments
    assert arguments[:6] == ("train", "--config", DATA, "--config", MODEL, *COMPARISON.flags)
    assert arguments[6] == "--model.ranking=posterior"


def test_the_budget_beats_epochs_and_the_schedule_ends_with_it(study: ComparisonStudy) -> None:
    settings = study.training("a", 0, 1000).settings
    # 1000 images are 20.8 batches of 48.
    assert (settings["trainer"]["max_steps"], settings["trainer"]["max_epochs"]) == (21, -1)
    assert study.training("a", 0, 48 * 21).settings["trainer"]["max_steps"] == 21
    assert study.training("a", 0, 48 * 21 + 1).settings["trainer"]["max_steps"] == 22


def test_a_seed_is_that_of_weights_and_order_alone(study: ComparisonStudy) -> None:
    one, two = (study.training("c", seed, 1000).settings for seed in (1, 2))
    assert (one.pop("seed_everything"), two.pop("seed_everything")) == (1, 2)
    loadings = [settings["data"]["init_args"]["loading"] for settings in (one, two)]
    assert [loading.pop("seed") for loading in loadings] == [1, 2]
    assert one == two
    assert one["data"]["init_args"]["split_seed"] == 0


def test_files_of_all_rankings_are_asked_for(study: ComparisonStudy) -> None:
    job = study.training("c", 0, 1000)
    assert "--rankings=[posterior,class]" in job.arguments
    assert set(job.files) == {
        *("config.yaml", "metrics.json", "validate/scores.csv", "test/scores.csv"),
        *("rankings/class/validate/scores.csv", "rankings/class/test/scores.csv"),
    }


def test_where_results_lie_is_no_setting_of_theirs(study: ComparisonStudy) -> None:
    other = ComparisonStudy(COMPARISON, Path("elsewhere"), Terminal())
    assert study.training("a", 0, 9).settings == other.training("a", 0, 9).settings
    assert study.training("a", 0, 9).arguments != other.training("a", 0, 9).arguments


@pytest.mark.parametrize(
    ("flags", "images"),
    [
        ([], 64),
        (["--trainer.accumulate_grad_batches=3"], 192),
        (["--trainer.devices=2", "--trainer.strategy=ddp"], 128),
    ],
)
def test_a_step_takes_the_batches_of_all_processes(flags: list[str], images: int) -> None:
    arguments = ("train", "--config", DATA, "--trainer.accelerator=cpu", *flags)
    assert images_per_step(resolve(arguments)) == images


def test_a_wrong_word_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"cannot be run: .*netwrok"):
        resolve(("train", "--config", DATA, "--model.netwrok.stride=8"))
