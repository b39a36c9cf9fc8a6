"""From a checkpoint to the trained network, whose settings and weights must agree."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from m3net.boundary.typed import MismatchError, read_as, read_named
from m3net.data.class_counts import ClassCounts
from m3net.data.transforms import Transform
from m3net.errors import CheckpointError, M3NetError
from m3net.experiments.checkpoints import loading_of, read_checkpoint
from m3net.models.backbone import Backbone
from m3net.models.network import NetworkConfig
from m3net.models.representations import Ranking
from m3net.models.retriever import Retriever

_PREFIX = "retriever."


def load_checkpoint(file: Path, trusted: Collection[str] = ()) -> dict[str, Any]:
    """Read a checkpoint whose network is as large as its weights.

    Args:
        file: Written by a training of this package.
        trusted: Classes beside m3net's own that its settings may name.

    Returns:
        Its contents, tensors on the CPU. Nothing that it names was imported, run or opened, but
        what is trusted.

    Raises:
        CheckpointError: It is damaged, not a checkpoint of this package, or its settings describe
            another network than its weights.
    """
    contents = read_checkpoint(file)
    try:
        # Settings alone could describe a network of any size: on "meta" it takes no memory.
        with torch.device("meta"):
            retriever = build_retriever(contents["hyper_parameters"], trusted)
        if "datamodule_hyper_parameters" in contents:
            loading_of(contents)
    except M3NetError as error:
        raise CheckpointError(f"{file}: {error}") from error
    weights, expected = contents["state_dict"], retriever.state_dict()
    for path, module in retriever.named_modules(prefix=_PREFIX.rstrip(".")):
        if isinstance(module, Backbone):
            module.adopt(weights, f"{path}.")
    names = {name.removeprefix(_PREFIX) for name in weights if name.startswith(_PREFIX)}
    if others := names - expected.keys():
        raise CheckpointError(
            f"{file} has weights {min(others)}, which its own settings do not describe: it is "
            "damaged, or of another version of m3net."
        )
    for name, weight in expected.items():
        stored = weights.get(_PREFIX + name)
        if stored is None or stored.shape != weight.shape:
            raise CheckpointError(
                f"{file} has no weights {name} of the shape {tuple(weight.shape)}, which its own "
                "settings describe: it is damaged, or of another version of m3net."
            )
    return contents


def load_retriever(file: Path, trusted: Collection[str] = ()) -> Retriever:
    """Load the trained network of a checkpoint, on the CPU.

    Args:
        file: Written by a training of this package.
        trusted: Classes beside m3net's own that its settings may name.

    Raises:
        CheckpointError: As `load_checkpoint`, or it does not say how photos are prepared.
    """
    contents = load_checkpoint(file, trusted)
    try:
        prepared = loading_of(contents)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    retriever = build_retriever(contents["hyper_parameters"], trusted)
    weights = contents["state_dict"].items()
    retriever.load_state_dict(
        {name.removeprefix(_PREFIX): own for name, own in weights if name.startswith(_PREFIX)}
    )
    retriever.transform = Transform(prepared["image_size"], prepared["resize"])
    return retriever


def build_retriever(
    hyper_parameters: Mapping[str, Any], trusted: Collection[str] = ()
) -> Retriever:
    """Build the retriever that a task saved in its hyper-parameters, with random weights.

    Settings that a checkpoint of an older version lacks are the defaults, which do as it did.

    Raises:
        CheckpointError: They are damaged, or there are some that this version does not know.
        ConfigError: They describe no network.
    """
    taxonomy = counts_of(hyper_parameters).taxonomy
    try:
        network = read_named(
            NetworkConfig,  # type: ignore[type-abstract]
            hyper_parameters.get("network"),
            trusted,
        )
        ranking: Ranking = read_as(Ranking, hyper_parameters.get("ranking", "class"))  # type: ignore[arg-type]
        mirror = read_as(bool, hyper_parameters.get("mirror", False))
    except MismatchError as error:
        whose = "was written by another version of m3net" if error.unknown else "is damaged"
        raise CheckpointError(
            f"the checkpoint {whose} (network, ranking or mirror: {error}): use that version, "
            "train again, or add a class of your own to trust."
        ) from error
    log_weight = torch.zeros(taxonomy.num_classes)
    return Retriever(network.build(taxonomy.sizes), taxonomy, log_weight, ranking, mirror)


def counts_of(hyper_parameters: Mapping[str, Any]) -> ClassCounts:
    """Return the classes that a network was trained with.

    Raises:
        CheckpointError: They are damaged.
    """
    try:
        return ClassCounts.from_plain(hyper_parameters["labels"])
    except (ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f"the classes of the checkpoint are damaged: {error}.") from error
