"""Contents of checkpoints: read, checked, and compared with the data of an evaluation."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from torch import Tensor
from typing_extensions import TypeAliasType

from m3net.boundary.archive import read_archive
from m3net.boundary.typed import MismatchError, check_as, read_as
from m3net.data.datamodules import LoadingConfig
from m3net.data.taxonomy import Taxonomy
from m3net.errors import CheckpointError
from m3net.experiments.upgrades import upgrade_checkpoint

PROGRESS = "progress"
"""The entry, beside Lightning's, of a checkpoint from which a training can resume."""
_BEST_FILES = ("best_model_path", "kth_best_model_path", "last_model_path")
_Progress = TypeAliasType("_Progress", "dict[str, _Progress] | int | bool | None")
"""Lightning's counters of its loops."""


class _Optimizer(BaseModel, arbitrary_types_allowed=True):
    state: dict[int, dict[str, Tensor | float | bool]]
    param_groups: list[dict[str, Any]]


class _Contents(BaseModel, arbitrary_types_allowed=True):
    """Entries of a checkpoint; Lightning restores them unchecked."""

    state_dict: dict[str, Tensor]
    global_step: int = Field(ge=0, lt=2**53)
    version: str = Field("0", alias="pytorch-lightning_version", pattern=r"^[0-9][0-9a-z.+]{0,40}$")
    loops: dict[str, _Progress] | None = None
    optimizer_states: list[_Optimizer] | None = None
    current_model_state: dict[str, Tensor] | None = None
    lr_schedulers: list[dict[str, Any]] | None = None
    callbacks: dict[str, dict[str, Any]] | None = None


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a checkpoint; paths in its contents are changed to the folder that it lies in now.

    Raises:
        CheckpointError: It is damaged or not a checkpoint of this package.
    """
    try:
        contents: dict[str, Any] = read_archive(file)
    except Exception as error:  # readers of foreign bytes raise anything
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint ({type(error).__name__}: {error}): it is "
            "another file, a damaged one, or holds code, which is never run."
        ) from error
    settings = contents.get("hyper_parameters") if isinstance(contents, dict) else None
    if not isinstance(settings, dict) or "labels" not in settings:
        raise CheckpointError(f"{file} is not a checkpoint of m3net.")
    try:
        check_as(_Contents, contents)
    except MismatchError as error:
        raise CheckpointError(f"{file} is damaged: {error}.") from error
    upgrade_checkpoint(contents)
    _relocate(file, contents)
    return contents


def _relocate(file: Path, contents: dict[str, Any]) -> None:
    """Change the paths in the state of the best checkpoints to the folder of this one.

    When a better checkpoint comes, Lightning deletes the paths in this state, recursively.
    """
    for state in (contents.get("callbacks") or {}).values():
        if "best_k_models" in state or "dirpath" in state:
            try:
                _move_into(state, file.resolve().parent)
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise CheckpointError(
                    f"{file} names a best checkpoint that does not lie beside it ({error}): it is "
                    "damaged, or made to delete other files."
                ) from error


def _move_into(state: dict[str, Any], folder: Path) -> None:
    before = state["dirpath"]

    def moved(path: str) -> str:
        name = path.removeprefix(before).removeprefix("/")
        if not path.startswith(before) or Path(name).name != name or not name.endswith(".ckpt"):
            raise ValueError(f"{path!r} is no checkpoint of {before!r}")
        return str(folder / name)

    for key in _BEST_FILES:
        state[key] = moved(state[key]) if state[key] else ""
    state["best_k_models"] = {moved(path): score for path, score in state["best_k_models"].items()}
    state["dirpath"] = str(folder)


def loading_of(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return from a checkpoint the settings of `LoadingConfig` that a training used.

    Raises:
        CheckpointError: They are missing or damaged.
    """
    data = contents.get("datamodule_hyper_parameters")
    if not isinstance(data, dict) or "loading" not in data:
        raise CheckpointError(
            "the checkpoint does not say how photos are prepared: train with 'm3net fit', or pass "
            "a datamodule to Lightning's trainer."
        )
    try:
        return asdict(read_as(LoadingConfig, data["loading"]))
    except MismatchError as error:
        raise CheckpointError(f"how photos are prepared is damaged: {error}.") from error


def check_same_classes(trained: Taxonomy, data: Taxonomy) -> None:
    """Refuse data with other classes than the network was trained with.

    Raises:
        CheckpointError: They differ; the text says how.
    """
    differences = trained.differences(data)
    if differences:
        raise CheckpointError(
            "the checkpoint was trained with other attributes or classes than the data has: "
            + "; ".join(differences)
            + ". Test it on data of its taxonomy, or train on this data."
        )
