"""Checkpoints: how one is found, read, and made the starting point of an evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from m3net.data.datamodules import ImagesDataModule
from m3net.data.taxonomy import Taxonomy
from m3net.errors import CheckpointError
from m3net.runs import read_config, reading


def find_checkpoint(place: Path, names: Sequence[str] = ("best", "last")) -> Path:
    """Give the checkpoint that a path means.

    Args:
        place: A checkpoint file, or a run folder.
        names: Which of a run's checkpoints, the one that is wanted most first.

    Raises:
        CheckpointError: There is none.
    """
    if place.is_file():
        return place
    for name in names:
        if (place / "checkpoints" / f"{name}.ckpt").is_file():
            return place / "checkpoints" / f"{name}.ckpt"
    if place.is_dir():
        raise CheckpointError(
            f"{place} holds no checkpoints/best.ckpt or checkpoints/last.ckpt; it is not a run "
            "folder, or its training was stopped before the first epoch ended."
        )
    raise CheckpointError(f"checkpoint or run folder not found: {place}.")


def run_of(checkpoint: Path) -> Path | None:
    """Give the run folder that a checkpoint lies in; None for a checkpoint outside of any."""
    folder = checkpoint.resolve().parent.parent
    inside = checkpoint.resolve().parent.name == "checkpoints"
    return folder if inside and (folder / "config.yaml").is_file() else None


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Load a checkpoint's contents to the CPU; no code in it is run.

    Raises:
        CheckpointError: It is not a checkpoint of this package.
    """
    try:
        contents: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # bytes of another kind make the unpickler stumble over anything
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint ({type(error).__name__}): it is another file, "
            "a damaged one, or holds code, which is never run."
        ) from error
    about = contents.get("hyper_parameters") if isinstance(contents, dict) else None
    if not isinstance(about, dict) or "labels" not in about:
        raise CheckpointError(f"{file} is not a checkpoint of m3net.")
    return contents


def evaluation_defaults(
    command: str, checkpoint: dict[str, Any], run: Path | None
) -> dict[str, Any]:
    """Give what an evaluation takes from the training where nothing else is said.

    Args:
        command: "validate", "test" or "predict".
        checkpoint: Contents of a checkpoint.
        run: The run folder it lies in, which knows the data; None if it lies outside of any.

    Returns:
        Settings of "model", and of "data" and the precision where they are known.

    Raises:
        CheckpointError: The run's config.yaml is damaged.
    """
    # Classes and protocol are the data's to say.
    given = checkpoint["hyper_parameters"].items()
    model = {key: value for key, value in given if key not in ("labels", "protocol")}
    # Weights come from the checkpoint, so that pretrained ones are never fetched.
    model["network"] |= {"pretrained": False, "weights_file": None}
    defaults: dict[str, Any] = {"model": model}
    if run is not None:
        file = run / "config.yaml"
        remedy = "restore it, or name the checkpoint file outside of the run folder, and its data"
        config = read_config(file, remedy)
        with reading(file, remedy):
            # Another precision gives other scores than the training's own test.
            precision = config["trainer"]["precision"]
            defaults |= {"data": config["data"], "trainer": {"precision": precision}}
    if command == "predict":
        loading = checkpoint["datamodule_hyper_parameters"]["loading"]
        path = f"{ImagesDataModule.__module__}.{ImagesDataModule.__name__}"
        defaults["data"] = {"class_path": path, "init_args": {"loading": loading}}
    return defaults


def check_same_classes(trained: list[dict[str, Any]], given: list[dict[str, Any]]) -> None:
    """Refuse data whose classes are not those that the network was trained with.

    Args:
        trained: The network's taxonomy, as `Taxonomy.to_plain` gives it.
        given: The data's.

    Raises:
        CheckpointError: They differ; the text says in what.
    """
    differences = Taxonomy.from_plain(trained).differences(Taxonomy.from_plain(given))
    if differences:
        raise CheckpointError(
            "the checkpoint was trained with other attributes or classes than the data has: "
            + "; ".join(differences)
            + ". Test it on data of its own taxonomy, or train on this data."
        )
