"""Runs that m3net 0.1.0 wrote still load, are tested and go on.

They were interrupted: `shop`, an M3-Net, after its first of two epochs; `closer`, an ASEN++ with
averaged weights, within it.
"""

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

import m3net as package
from tests.support.commands import Command
from tests.support.fake.files import write_photos
from tests.support.stored_run import RUNS, build_run, store_run

STORED = RUNS / "0.1.0"
ATTRIBUTES = ["sleeve", "details"]
CLASSES = [
    *(("sleeve", label) for label in ("long", "none", "short")),
    *(("details", label) for label in ("bow", "zip")),
]
ATTRIBUTE_OF_CLASS = [0, 0, 0, 1, 1]
STAGE = 3
"""Of the backbone, the one with stride 16."""
NUM_STEPS = {"shop": 4, "closer": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalogue of both runs, and photos."""
    folder = tmp_path_factory.mktemp("stored")
    shutil.copy(STORED / "catalogue.csv", folder)
    with (folder / "catalogue.csv").open(encoding="utf-8") as file:
        photos = [row["image"] for row in csv.DictReader(file)]
    write_photos(folder, photos, np.random.default_rng(0))
    return folder


@pytest.fixture(params=["shop", "closer"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(name: str, root: Path) -> Path:
    """A run folder to go on with."""
    folder = root / "runs" / name / "0"
    shutil.rmtree(folder, ignore_errors=True)
    build_run(STORED / name, root, folder)
    return folder


def photo() -> NDArray[np.uint8]:
    """A photo that needs no resizing."""
    return np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@torch.no_grad()
def feature_map(weights: dict[str, Tensor], prefix: str) -> Tensor:
    """Compute the (C, positions) features of the photo by timm's network alone."""
    backbone = timm.create_model("test_resnet", features_only=True, out_indices=[STAGE])
    names = [name for name in weights if name.startswith(prefix)]
    backbone.load_state_dict({name.removeprefix(prefix): weights[name] for name in names})
    config = timm.get_pretrained_cfg("test_resnet")
    assert config is not None
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (config.mean, config.std))
    pixels = (torch.from_numpy(photo()).permute(2, 0, 1) / 255 - mean) / std
    features: Tensor = backbone.eval()(pixels[None])[0]
    return features[0].flatten(1)


def m3net_of(weights: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
    """Compute vectors and probabilities by the formulas of docs/method.md, from the old names."""
    at = {key.removeprefix("network."): value for key, value in weights.items()}
    features = feature_map(weights, "network.backbone.net.")

    projected = at["keys.project.weight"].flatten(1) @ features
    scale = at["keys.norm.weight"] / (at["keys.norm.running_var"] + 1e-5).sqrt()
    shift = at["keys.norm.bias"] - at["keys.norm.running_mean"] * scale
    keys = torch.tanh(projected * scale[:, None] + shift[:, None])

    embedding = at["attribute_net.embedding.weight"]
    queries = embedding @ at["attribute_net.query.weight"].T + at["attribute_net.query.bias"]
    attention = torch.softmax(torch.tanh(queries) @ keys / 8**0.5, dim=1)
    pooled = attention @ features.T
    condition = torch.relu(
        embedding @ at["attribute_net.condition.weight"].T + at["attribute_net.condition.bias"]
    )
    hidden = torch.cat([pooled, condition], dim=1) @ at["attribute_net.gate.0.weight"].T
    hidden = torch.relu(hidden + at["attribute_net.gate.0.bias"])
    gate = hidden @ at["attribute_net.gate.2.weight"].T + at["attribute_net.gate.2.bias"]
    attributes = pooled * torch.sigmoid(gate)

    class_queries = torch.tanh(queries[ATTRIBUTE_OF_CLASS] + at["class_net.offset"])
    class_attention = torch.softmax(class_queries @ keys / 8**0.5, dim=1)
    values = at["class_net.value.weight"].flatten(1) @ features
    of_class = class_attention @ (values + at["class_net.value.bias"][:, None]).T
    refined = attributes @ at["refine.weight"].T + at["refine.bias"]
    joined = refined[ATTRIBUTE_OF_CLASS] + of_class
    centred = joined - joined.mean(dim=1, keepdim=True)
    states = centred / (centred.pow(2).mean(dim=1, keepdim=True) + 1e-5).sqrt()
    states = states * at["norm.weight"] + at["norm.bias"]

    phi = torch.stack([state @ own for state, own in zip(states, at["transform"], strict=True)])
    logits = (states * at["classifier"]).sum(dim=1) + at["bias"]
    odds = logits - weights["loss.classification.positive_weight"].log()
    probabilities = torch.cat([torch.softmax(odds[:3], dim=0), torch.sigmoid(odds[3:])])
    gated = probabilities[:, None] * phi / phi.norm(dim=1, keepdim=True)
    return [gated[:3].flatten(), gated[3:].flatten()], probabilities


def asen_of(weights: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
    """Compute the first stage of ASEN++ by the formulas of docs/method.md, from the old names."""
    at = {key.removeprefix("network."): value for key, value in weights.items()}
    features = feature_map(weights, "network.backbone.net.")
    compared = at["block.image.weight"].flatten(1) @ features + at["block.image.bias"][:, None]
    queries = torch.tanh(at["block.spatial.weight"]) * at["block.score.weight"]
    attention = torch.softmax(torch.tanh(queries @ torch.tanh(compared)), dim=1)
    pooled = attention @ features.T
    condition = torch.relu(at["block.condition.weight"])
    hidden = torch.cat([condition, pooled], dim=1) @ at["block.gate.0.weight"].T
    hidden = torch.relu(hidden + at["block.gate.0.bias"])
    gate = hidden @ at["block.gate.2.weight"].T + at["block.gate.2.bias"]
    whole = (pooled * torch.sigmoid(gate)) @ at["block.last.weight"].T + at["block.last.bias"]
    vectors = torch.cat([F.normalize(whole, dim=1), torch.zeros(2, 8)], dim=1)
    handed = vectors[ATTRIBUTE_OF_CLASS] * 16**0.5
    logits = (handed * at["classifier.weight"]).sum(dim=1) + at["classifier.bias"]
    odds = logits - weights["loss.classification.positive_weight"].log()
    return list(vectors), torch.cat([torch.softmax(odds[:3], dim=0), torch.sigmoid(odds[3:])])


def spread(run: Path) -> dict[str, Tensor]:
    """Change the weights of a run, so that each counts; after a few steps many hardly do."""
    files = list((run / "checkpoints").iterdir())
    contents: dict[str, Any] = torch.load(files[0], weights_only=True)
    weights: dict[str, Tensor] = contents["state_dict"]
    generator = torch.Generator().manual_seed(0)
    for name, weight in weights.items():
        if weight.is_floating_point():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.2)
            if name.endswith(("running_var", "positive_weight")):
                weight.abs_()
    for file in files:
        torch.save(contents, file)
    return weights


FORMULAS = {"shop": m3net_of, "closer": asen_of}


def test_a_stored_run_gives_the_vectors_and_probabilities_of_its_weights(
    run: Path, name: str
) -> None:
    weights = spread(run)
    vectors, probabilities = FORMULAS[name](weights)
    model = package.load(run, device="cpu")
    embedded = model.embed(photo())
    assert list(embedded) == ATTRIBUTES
    for attribute, expected in zip(ATTRIBUTES, vectors, strict=True):
        np.testing.assert_allclose(embedded[attribute][0], expected, rtol=0, atol=1e-5)
    chances = model.classify(photo())
    assert [tuple(column) for column in chances.columns] == CLASSES
    np.testing.assert_allclose(chances.to_numpy()[0], probabilities, rtol=0, atol=1e-5)


def test_a_stored_run_is_tested(m3net: Command, run: Path) -> None:
    done = m3net("test", "--ckpt_path", run)
    assert done.returncode == 0, done.stderr
    with (run / "test" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["attribute"] for row in rows][:2] == ATTRIBUTES
    assert all(0 <= float(row["map_all"]) <= 1 for row in rows)


def steps_of(lines: list[str]) -> list[int]:
    """Return the steps at which a loss was logged."""
    return [int(row["step"]) for row in csv.DictReader(lines) if row["train/loss"]]


def steps_of_weights(contents: dict[str, Any]) -> dict[int, int]:
    """Return how many steps the optimizer has taken with each weight."""
    states: dict[int, dict[str, Tensor]] = contents["optimizer_states"][0]["state"]
    return {index: int(state["step"]) for index, state in states.items()}


def test_a_stored_run_goes_on_to_its_end(m3net: Command, run: Path, name: str) -> None:
    file, last = run / "metrics.csv", run / "checkpoints" / "last.ckpt"
    before = file.read_text(encoding="utf-8").splitlines()
    stored: dict[str, Any] = torch.load(last, weights_only=True)
    done = m3net("train", "--resume", run)
    assert done.returncode == 0, done.stderr

    after = file.read_text(encoding="utf-8").splitlines()
    rows = [list(csv.DictReader(lines)) for lines in (before, after)]
    assert len(after) > len(before)
    for old, new in zip(*rows, strict=False):
        assert old == {key: value for key, value in new.items() if key in old}
    num_steps = NUM_STEPS[name]
    assert steps_of(before) == list(range(stored["global_step"]))
    assert steps_of(after) == list(range(num_steps))
    ended: dict[str, Any] = torch.load(last, weights_only=True)
    assert (ended["epoch"], ended["global_step"]) == (1, num_steps)
    for index, count in steps_of_weights(stored).items():
        assert (count, steps_of_weights(ended)[index]) == (stored["global_step"], num_steps)
    assert (run / "test" / "scores.csv").is_file()
    assert (run / "finished.json").is_file()


def test_a_run_is_stored_as_the_text_that_it_was_built_from(
    run: Path, name: str, root: Path, tmp_path: Path
) -> None:
    store_run(run, root, tmp_path / "text")
    for file in (STORED / name).iterdir():
        before, after = (
            re.sub(r"~ \w+ \[.*\]", "drawn", text.read_text(encoding="utf-8"))
            for text in (file, tmp_path / "text" / file.name)
        )
        assert before == after
