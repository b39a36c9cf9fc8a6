"""All networks and the four rankings, from the config files that users take."""

from pathlib import Path

import pytest

from tests.support.commands import CONFIGS, Command, Refusal

MODELS = CONFIGS / "model"
RANKINGS = ("attribute", "class", "posterior", "duet")
FEWER = {
    "m3net_c": ("class", "posterior"),
    **dict.fromkeys(("asen", "asen_v2", "asen_pp", "modc"), ("attribute", "posterior")),
}


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("model", sorted(MODELS.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_network_trains_and_ranks_as_it_can(
    m3net: Command, refusal: Refusal, settings: Path, tmp_path: Path, model: Path, ranking: str
) -> None:
    configs = ("--config", settings, "--config", model, "--runs", tmp_path)
    done = m3net("fit", *configs, f"--model.ranking={ranking}", "--trainer.fast_dev_run=true")
    possible = FEWER.get(model.stem, RANKINGS)
    if ranking not in possible:
        sentence = refusal(done)
        assert f"model.ranking={ranking} needs vectors that the network" in sentence
        assert f"choose one of {', '.join(possible)}." in sentence
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("model", ["m3net_a", "m3net_c", "asen_v2"])
def test_a_network_without_one_kind_of_vectors_can_be_tested_and_drawn(
    m3net: Command, settings: Path, tmp_path: Path, model: str
) -> None:
    configs = ("--config", settings, "--config", MODELS / f"{model}.yaml", "--runs", tmp_path)
    done = m3net("train", *configs, "--trainer.fast_dev_run=true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "shop" / "0" / "test" / "attention.png").is_file()


def test_a_network_of_nothing_is_refused(
    m3net: Command, refusal: Refusal, settings: Path, tmp_path: Path
) -> None:
    off = ("--model.network.attribute_attention=false", "--model.network.class_attention=false")
    done = m3net("fit", "--config", settings, "--runs", tmp_path, *off)
    assert "needs a sub-network" in refusal(done)
