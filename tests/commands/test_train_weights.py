"""Pretrained weights: from a file, from nowhere, and never where a checkpoint holds them."""

from pathlib import Path

import pytest
import timm
import torch

from tests.support.commands import Command, Refusal

PRETRAINED = "--model.network.pretrained=true"


def test_training_starts_from_a_file_of_weights(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    torch.manual_seed(7)
    weights = timm.create_model("resnet10t").state_dict()
    torch.save(weights, tmp_path / "weights.pth")
    flags = (PRETRAINED, "--model.network.weights_file", tmp_path / "weights.pth")
    # The rate is so small that a step changes next to nothing.
    still = ("--model.optimizer.lr=1e-20", "--model.optimizer.schedule=constant")
    done = m3net("fit", "--config", settings, "--runs", tmp_path, *flags, *still)
    assert done.returncode == 0, done.stderr
    checkpoint = torch.load(tmp_path / "shop" / "0" / "checkpoints" / "last.ckpt")
    backbone = {
        name.removeprefix("retriever.network.backbone.net."): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith("retriever.network.backbone.net.")
    }
    kernels = [name for name, value in backbone.items() if value.ndim == 4]
    assert len(kernels) > 8
    assert all(torch.equal(backbone[name], weights[name]) for name in kernels)


@pytest.mark.parametrize("content", [None, b"", b"epoch,step\n", b"PK\x03\x04"])
def test_a_file_without_weights_is_named(
    m3net: Command, settings: Path, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "weights.pth"
    if content is not None:
        file.write_bytes(content)
    flags = (PRETRAINED, "--model.network.weights_file", file)
    done = m3net("fit", "--config", settings, "--runs", tmp_path, *flags)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(file) in done.stderr.splitlines()[-1]


def test_without_a_network_the_remedies_are_named(
    process: Command, refusal: Refusal, settings: Path, tmp_path: Path
) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    words = ("fit", "--config", settings, "--runs", tmp_path / "runs", PRETRAINED)
    sentence = refusal(process(*words, cwd=tmp_path, **offline))
    assert "pretrained weights of resnet10t cannot be downloaded" in sentence
    assert "model.network.weights_file" in sentence
    assert "model.network.pretrained=false" in sentence


@pytest.mark.parametrize("command", ["test", "predict"])
def test_a_checkpoint_needs_no_pretrained_weights(
    m3net: Command, own_run: Path, catalogue: Path, tmp_path: Path, command: str
) -> None:
    """Where weights would be looked for, there are none: looking for them would be an error."""
    file = own_run / "checkpoints" / "best.ckpt"
    contents = torch.load(file)
    nowhere = {"pretrained": True, "weights_file": str(tmp_path / "none.pth")}
    contents["hyper_parameters"]["network"]["init_args"] |= nowhere
    file.unlink()
    torch.save(contents, file)
    data = ("--data.images", catalogue.parent) if command == "predict" else ()
    one_image = (f"--trainer.limit_{command}_batches=1", "--data.loading.batch_size=1")
    done = m3net(command, "--ckpt_path", own_run, *data, *one_image)
    assert done.returncode == 0, done.stderr
