"""The data sets that a command takes by name, with their settings as flags."""

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser

from m3net.data.datamodules import (
    CatalogueDataModule,
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    RetrievalDataModule,
)
from m3net.workflows.arguments import (
    Function,
    about,
    build_parser,
    call,
    parse,
    spell_out_switches,
)

DATASETS: dict[str, type[RetrievalDataModule]] = {
    "fashionai": FashionAIDataModule,
    "darn": DARNDataModule,
    "deepfashion": DeepFashionDataModule,
    "catalogue": CatalogueDataModule,
}


def run_on_dataset(function: Function, argv: Sequence[str]) -> int:
    """Call a function with a data set and the options that a user typed.

    Args:
        function: Takes the data set, and by keyword its name, the folder to write to (`out`,
            runs/data/NAME by default) and the options of the command.
        argv: The data set's name, then flags.

    Raises:
        M3NetError: The settings contradict one another, or what the function raises.
    """
    program = f"m3net data {function.__name__}"
    parser = ArgumentParser(prog=program, description=about(function), allow_abbrev=False)
    subcommands = parser.add_subcommands(dest="dataset", title="data sets", required=True)
    for name, kind in DATASETS.items():
        options = build_parser(function, flat=kind, skip=("loading", "name"))
        options.set_defaults({"out": Path("runs", "data", name)})
        subcommands.add_subcommand(name, options, help=(kind.__doc__ or "").partition("\n")[0])
    config = parse(parser, spell_out_switches(function, argv))
    name = config["dataset"]
    config[name].name = name
    return call(function, config[name], flat=DATASETS[name])
