"""The last words of a command: where everything lies and what to type next."""

from pathlib import Path

from rich.table import Table

_WRITTEN = {
    "config.yaml": "all settings",
    "metrics.csv": "training curves",
    "metrics.json": "best and last scores",
    "checkpoints/best.ckpt": "best weights",
    "validate/scores.csv": "validation table",
    "test/scores.csv": "test table",
    "test/gallery.png": "one query per attribute",
    "test/galleries": "best to worst queries",
    "test/attention.png": "where the network looks",
    "predict": "vectors and probabilities",
}


def render_farewell(folder: Path, command: str) -> Table:
    """Give the lines that say what lies in a run folder and which command comes next.

    Args:
        folder: The run folder.
        command: The command that ends, as "train".
    """
    table = Table.grid(padding=(0, 2))
    for name, meaning in _WRITTEN.items():
        if (folder / name).exists():
            table.add_row(meaning, str(folder / name))
    predict = f"m3net predict --ckpt_path {folder} --data.images FOLDER_OF_PHOTOS"
    following = {"train": predict, "test": predict}
    test = f"m3net test --ckpt_path {folder}"
    if command != "predict":
        table.add_row("[bold]next[/bold]", following.get(command, test))
    return table
