"""The data sets that a command takes by name, with their settings as flags."""

from collections.abc import Callable, Sequence
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from m3net.data.datamodules import (
    CatalogueDataModule,
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    RetrievalDataModule,
)

DATASETS: dict[str, type[RetrievalDataModule]] = {
    "fashionai": FashionAIDataModule,
    "darn": DARNDataModule,
    "deepfashion": DeepFashionDataModule,
    "catalogue": CatalogueDataModule,
}


def parse_dataset(
    command: str,
    about: str,
    words: Sequence[str],
    add_options: Callable[[ArgumentParser], None] | None = None,
) -> tuple[str, RetrievalDataModule, Namespace]:
    """Read a data set's name, its settings and the options of a command.

    Args:
        command: As "verify".
        about: What the command does, for --help.
        words: What stands behind the command.
        add_options: Adds the options of the command, where it has any of its own.

    Returns:
        The name, the data set, and all that was typed.

    Raises:
        ConfigError: The settings contradict one another.
    """
    about = f"{about} Problems call a setting such as --root by its full name, data.root."
    parser = ArgumentParser(prog=f"m3net data {command}", description=about, allow_abbrev=False)
    parsers = parser.add_subcommands(dest="dataset", title="data sets", required=True)
    settings: dict[str, list[str]] = {}
    for name, kind in DATASETS.items():
        own = ArgumentParser(description=about, allow_abbrev=False)
        settings[name] = own.add_class_arguments(kind, skip={"loading"})
        if add_options is not None:
            add_options(own)
        own.add_argument(
            "--out", type=Path, default=Path("runs", "data", name), help="Folder to write to."
        )
        parsers.add_subcommand(name, own, help=(kind.__doc__ or "").partition("\n")[0])
    config = parser.instantiate(parser.parse_args(list(words)))
    name = config["dataset"]
    own_config: Namespace = config[name]
    given = {key: own_config[key] for key in settings[name]}
    return name, DATASETS[name](**given), own_config
