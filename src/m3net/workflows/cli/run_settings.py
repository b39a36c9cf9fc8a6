"""Checks of the settings of a run folder and of a checkpoint, before the command line uses them.

The command line imports classes and opens files by their names. Settings that the user typed may
name any. A run folder may come from a stranger: its settings may name only classes of m3net, with
arguments of the right types, and classes that the user trusts by name.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from pydantic import BaseModel, Field, create_model

from m3net.base.protocol import Protocol
from m3net.boundary.typed import MismatchError, arguments_of, named_class, read_as, to_named
from m3net.data.datamodules import (
    CatalogueDataModule,
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    ImagesDataModule,
    SyntheticDataModule,
)
from m3net.errors import CheckpointError, M3NetError
from m3net.experiments.checkpoints import loading_of
from m3net.experiments.csv_logger import RunCSVLogger
from m3net.experiments.run import Run
from m3net.experiments.wandb_logger import RunWandbLogger
from m3net.losses import Term
from m3net.models import M3NetConfig, NetworkConfig
from m3net.models.representations import Ranking
from m3net.training.callbacks.finite_steps import NonFinite
from m3net.training.callbacks.weight_average import WeightAverage
from m3net.training.task import M3NetTask

_DATA = (
    CatalogueDataModule,
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    SyntheticDataModule,
)
_CLASSES: dict[str, dict[str, type]] = {
    "data": {f"m3net.data.datamodules.{kind.__name__}": kind for kind in _DATA},
    "trainer.logger": {
        "m3net.experiments.csv_logger.RunCSVLogger": RunCSVLogger,
        "m3net.experiments.wandb_logger.RunWandbLogger": RunWandbLogger,
    },
    "trainer.callbacks": {"m3net.training.callbacks.weight_average.WeightAverage": WeightAverage},
}
"""By setting, the classes of m3net that it may name, as config.yaml spells them."""
_FILLED_IN = r"\{[A-Za-z0-9_/]+(:\.?[0-9]?[0-9]?[df]?)?\}"
_FILE_NAME = rf"^([A-Za-z0-9_=-]|{_FILLED_IN})([A-Za-z0-9_.=-]|{_FILLED_IN})*$"
"""Of a checkpoint: with fields such as `{epoch}`, and without a path to another folder."""

_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:,+-]*$", max_length=100)]
_Duration = Annotated[str, Field(pattern=r"^([0-9]+ days?, )?[0-9:.]+$", max_length=40)]
_Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
_Scalar = bool | _Number | float | _Word | None
_Count = Annotated[int, Field(ge=-1, le=1024)]


class _Named(BaseModel):
    """A class and its arguments; the command line would guess a missing class."""

    class_path: str
    init_args: dict[str, Any] | None = None
    dict_kwargs: dict[str, Any] = {}


_Classes = _Named | Annotated[list[_Named], Field(max_length=100)] | None
_TRAINER: dict[str, Any] = {
    "devices": _Count | _Word | Annotated[list[_Count], Field(max_length=1024)],
    "num_nodes": _Count,
    "logger": bool | _Classes,
    "callbacks": _Classes,
    "plugins": _Classes,
    "profiler": Literal["simple", "advanced", "pytorch", "xla"] | None,
    "max_time": _Duration | dict[_Word, _Number] | None,
    "default_root_dir": str | None,
    # Checkpoints would be sent to a registry.
    "model_registry": None,
}


def _model(name: str, kind: type, special: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model of the arguments of a library's class: scalars, except for special ones."""
    names = [name for name in inspect.signature(kind).parameters if name not in ("self", "kwargs")]
    fields: dict[str, Any] = {name: (special.get(name, _Scalar), None) for name in names}
    return create_model(name, **fields)


_Trainer = _model("trainer", L.Trainer, _TRAINER)
_Checkpoint = _model(
    "checkpoint",
    ModelCheckpoint,
    {
        "dirpath": str | None,
        "filename": Annotated[str, Field(pattern=_FILE_NAME, max_length=200)] | None,
        "train_time_interval": _Duration | None,
        "monitor": Annotated[str, Field(max_length=1000)] | None,
    },
)
_Model = create_model(
    "model",
    __base__=arguments_of(
        M3NetTask, skip=frozenset({"class_counts", "protocol", "network", "loss"})
    ),
    # `_check_class` checks these classes.
    network=(_Named, _Named(**to_named(M3NetConfig()))),
    loss=(dict[_Word, _Named], {}),
)


class _Settings(BaseModel):
    """All settings of a training except `PLACES`; missing ones have their defaults."""

    seed_everything: bool | _Number = 0
    trainer: _Trainer = Field(default_factory=_Trainer)  # type: ignore[valid-type]
    model: _Model = Field(default_factory=_Model)  # type: ignore[valid-type]
    data: _Named
    checkpoint: _Checkpoint = Field(default_factory=_Checkpoint)  # type: ignore[valid-type]
    details: bool = False
    report: bool | Literal["auto"] = "auto"
    rankings: list[Ranking] = []
    last_every_n_steps: Annotated[int, Field(ge=1)] | None = None
    nonfinite: NonFinite = "stop"


class _Checkpointed(BaseModel):
    """The task's settings in a checkpoint."""

    model: _Model  # type: ignore[valid-type]
    protocol: Protocol = "single"


class _Evaluation(BaseModel):
    """The settings of a run that an evaluation uses."""

    data: _Named
    precision: _Word | Literal[16, 32, 64] | None


def classes_to_trust(run: Path) -> list[str]:
    """Return the classes that resuming a run, made by this process, needs to trust."""
    if not Run(run).config.is_file():
        return []
    return [
        str(named["class_path"])
        for setting, named in _named_classes(Run(run).settings())
        if not _known_class(setting, named)
    ]


def resumable_settings(run: Path, trusted: Collection[str]) -> dict[str, Any]:
    """Return the settings of a run, to resume its training.

    Args:
        run: The run folder.
        trusted: Classes beside m3net's that the settings may name.

    Raises:
        CheckpointError: It is not a run folder, or a setting is not allowed.
    """
    settings = Run(run).settings()
    _check(settings, _Settings, _not_settings(Run(run)), trusted)
    return settings


def evaluation_defaults(
    command: str,
    checkpoint: dict[str, Any],
    run: Path | None,
    trusted: Collection[str] = (),
    source: str = "the checkpoint",
) -> dict[str, Any]:
    """Return the settings of a training that an evaluation uses by default.

    Args:
        command: "validate", "test" or "predict".
        checkpoint: Contents of a checkpoint.
        run: The run folder that contains it, and knows the data; None outside of any.
        trusted: Classes beside m3net's that the run's settings may name.
        source: Names the checkpoint in errors.

    Returns:
        Settings of "model", and of "data" and the precision if they are known.

    Raises:
        CheckpointError: The run's config.yaml is damaged, or a setting is not allowed.
    """
    task = checkpoint["hyper_parameters"]
    # Classes and protocol come from the data.
    model = {key: value for key, value in task.items() if key not in ("labels", "protocol")}
    problem = f"{source} does not hold the settings of a task"
    protocol = task.get("protocol", "single")
    _check({"model": model, "protocol": protocol}, _Checkpointed, problem, trusted)
    # Weights come from the checkpoint: do not download pretrained ones.
    network = dict(model["network"])
    network["init_args"] = network["init_args"] | {"pretrained": False, "weights_file": None}
    defaults: dict[str, Any] = {"model": model | {"network": network}}
    if run is not None:
        defaults |= _run_defaults(Run(run), trusted)
    if command == "predict":
        path = f"{ImagesDataModule.__module__}.{ImagesDataModule.__name__}"
        loading = {"loading": loading_of(checkpoint)}
        defaults["data"] = {"class_path": path, "init_args": loading}
    return defaults


def _run_defaults(run: Run, trusted: Collection[str]) -> dict[str, Any]:
    """Return the data of a run, and its precision, since another one changes the scores."""
    remedy = "restore it, or name the checkpoint file outside of the run folder, and its data"
    settings = run.read_config(remedy)
    trainer = settings.get("trainer")
    precision = trainer.get("precision") if isinstance(trainer, dict) else "not there"
    data = settings.get("data")
    _check({"data": data, "precision": precision}, _Evaluation, _not_settings(run), trusted)
    return {"data": data, "trainer": {"precision": precision}}


def _not_settings(run: Run) -> str:
    return f"{run.config} is not the {run.config.name} of a run"


def _check(
    settings: dict[str, Any], kind: type[BaseModel], problem: str, trusted: Collection[str]
) -> None:
    """Refuse settings that do not fit a model, or name classes that are not trusted."""
    try:
        for setting, named in _named_classes(settings):
            _check_class(setting, named, trusted)
        read_as(kind, settings)
    except MismatchError as error:
        version = " by this version of m3net" if error.unknown else ""
        raise CheckpointError(
            f"{problem}{version}: {error}. Restore it, or start without the run folder and set "
            "everything yourself."
        ) from error
    except M3NetError as error:
        raise CheckpointError(f"{problem}: {error}") from error


def _named_classes(value: object, setting: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each setting that the command line would take for a class and its arguments."""
    if isinstance(value, list):
        for item in value:
            yield from _named_classes(item, setting)
    elif isinstance(value, dict):
        if "class_path" in value:
            yield setting, value
        for key, item in value.items():
            yield from _named_classes(item, f"{setting}.{key}".removeprefix("."))


def _check_class(setting: str, named: dict[str, Any], trusted: Collection[str]) -> None:
    path, kind = named["class_path"], _known_class(setting, named)
    if kind is not None:
        if others := named.keys() - {"class_path", "init_args"}:
            raise MismatchError(f"{setting}.{min(others)}: there is no such setting", unknown=True)
        try:
            read_as(arguments_of(kind), named.get("init_args") or {})
        except MismatchError as error:
            raise MismatchError(f"{setting}.init_args.{error}", error.unknown) from error
    elif path not in trusted:
        why = "is not one of m3net's classes for that setting: building it may run any code"
        if isinstance(path, str) and path in _CLASSES.get(setting, {}):
            why = "with these arguments sends what is logged to whom the run folder names"
        raise CheckpointError(
            f"it names {str(path)[:200]!r} as {setting}, which {why}. If you trust whoever made "
            f"this run, add --trust={str(path)[:200]}."
        )


def _known_class(setting: str, named: dict[str, Any]) -> type | None:
    """Return the class of m3net that a setting names, or None."""
    path = named["class_path"]
    if not isinstance(path, str):
        return None
    if setting == "model.network":
        return named_class(NetworkConfig, path)  # type: ignore[type-abstract]
    if setting.startswith("model.loss."):
        return named_class(Term, path)  # type: ignore[type-abstract]
    kind = _CLASSES.get(setting, {}).get(path)
    arguments = named.get("init_args")
    # It would send curves, pictures and weights to an account that the run folder names.
    sends = isinstance(arguments, dict) and (arguments.get("entity") or arguments.get("log_model"))
    return None if kind is RunWandbLogger and sends else kind
