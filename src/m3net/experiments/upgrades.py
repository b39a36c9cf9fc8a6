"""Upgrades of what 0.1.0 wrote: settings of a run and contents of a checkpoint."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_CLASSES = {
    "m3net.csv_logger.RunCSVLogger": "m3net.experiments.csv_logger.RunCSVLogger",
    "m3net.wandb_logger.RunWandbLogger": "m3net.experiments.wandb_logger.RunWandbLogger",
    "m3net.callbacks.averaging.WeightAverage": (
        "m3net.training.callbacks.weight_average.WeightAverage"
    ),
}
_NETWORKS = {
    "m3net": "m3net.models.M3NetConfig",
    "asen": "m3net.models.AsenConfig",
    "asen_v2": "m3net.models.AsenV2Config",
    "asen_pp": "m3net.models.AsenPPConfig",
}
_M3NET = {"attribute_attention", "class_attention", "class_width", "class_dim", "dropout"}
_OTHERS = {
    "m3net": {"embedding_dim", "shaping_classifier", "local"},
    "asen": {*_M3NET, "local"},
    "asen_v2": {*_M3NET, "embedding_dim", "local"},
    "asen_pp": _M3NET,
}
"""By network, the settings that only other networks used; 0.1.0 wrote all of them."""
_RENAMED = {
    "beside": "extra_strides",
    "class_width": "value_dim",
    "shaping_classifier": "train_vectors_by_classifier",
}
_PREFIXES = {
    "network.": "retriever.network.",
    "loss.classification.": "loss.terms.classification.",
    "loss.centers.": "loss.terms.center.centers.",
}
_WEIGHTS = "loss.classification.positive_weight"


def upgrade_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a config.yaml in the form of this version.

    What has neither form stays as it is, for the reader to refuse.
    """
    model = settings.get("model")
    if isinstance(model, dict):
        settings = settings | {"model": upgrade_model(model)}
    return {name: _rename_classes(value) for name, value in settings.items()}


def upgrade_checkpoint(contents: dict[str, Any]) -> None:
    """Change the contents of a checkpoint of 0.1.0 to the form of this version, in place."""
    settings = contents["hyper_parameters"]
    network = settings.get("network")
    if not (isinstance(network, dict) and "class_path" not in network):
        return
    contents["hyper_parameters"] = upgrade_model(settings)
    for name in ("state_dict", "current_model_state"):
        if name in contents:
            contents[name] = _upgrade_weights(contents[name])


def upgrade_model(model: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the model, with a class for the network and for each loss term."""
    network, loss = model.get("network"), model.get("loss")
    if not isinstance(network, dict) or "class_path" in network:
        return model
    head = network.get("head", "m3net")
    if head not in _NETWORKS or not isinstance(loss, dict):
        return model
    arguments = {
        _RENAMED.get(name, name): value
        for name, value in network.items()
        if name != "head" and name not in _OTHERS[head]
    }
    return model | {
        "network": {"class_path": _NETWORKS[head], "init_args": arguments},
        "loss": _upgrade_loss(loss, two_branches=head == "asen_pp"),
        "gather": loss.get("gather", False),
    }


def _upgrade_loss(loss: Mapping[str, Any], two_branches: bool) -> dict[str, Any]:
    """Return the terms of a loss by name; those of weight 0 are left out."""
    drawn = loss.get("triplets") == "drawn"
    triplets = "DrawnTriplets" if drawn else "InstanceTriplets"
    margin = {"margin": loss.get("margin", 0.2)}
    balance = {name: loss[name] for name in ("balance_power", "balance_maximum") if name in loss}
    softmax = loss.get("classification") == "softmax"
    classification = balance if softmax else balance | _renamed(loss, over_classes="over_classes")
    kind = "SoftmaxClassification" if softmax else "BinaryClassification"
    centers = margin | _renamed(loss, center="centers", center_momentum="momentum")
    terms = {
        "classification": (1.0, kind, classification),
        "instance": (1.0, triplets, margin | {"vectors": "vectors"}),
        "center": (1.0, "CenterTriplets", centers),
    }
    if two_branches:
        terms["local"] = (0.1, triplets, margin | {"vectors": "local"})
        terms["align"] = (0.1, "LocalAlignment", {})
    weights = {name: loss.get(f"{name}_weight", term[0]) for name, term in terms.items()}
    return {
        name: {
            "class_path": f"m3net.losses.{kind}",
            "init_args": {"weight": weights[name], **arguments},
        }
        for name, (_, kind, arguments) in terms.items()
        # The classification tells how to read logits, even if its weight is 0.
        if weights[name] or name == "classification"
    }


def _renamed(settings: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return some of the settings under new names."""
    return {new: settings[old] for old, new in names.items() if old in settings}


def _upgrade_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with the names of this version, and the priors beside the network."""
    upgraded = {}
    for name, weight in weights.items():
        old = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
        upgraded[_PREFIXES.get(old, "") + name.removeprefix(old)] = weight
    if _WEIGHTS in weights:
        upgraded["retriever.log_weight"] = weights[_WEIGHTS].log()
    return upgraded


def _rename_classes(value: object) -> object:
    """Return settings with the present names of the classes of 0.1.0."""
    if isinstance(value, list):
        return [_rename_classes(item) for item in value]
    if not isinstance(value, dict):
        return value
    settings = {name: _rename_classes(item) for name, item in value.items()}
    path = settings.get("class_path")
    if isinstance(path, str) and path in _CLASSES:
        settings["class_path"] = _CLASSES[path]
    return settings
