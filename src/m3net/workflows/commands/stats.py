"""`m3net data stats`: counts of a data set, and the scores of chance and of a perfect ranking."""

from collections.abc import Sequence
from pathlib import Path

from m3net.base.files import make_folder, writing
from m3net.base.terminal import Terminal
from m3net.data.annotations.findings import Findings
from m3net.data.attribute_counts import AttributeCounts, count_attributes
from m3net.data.datamodules import RetrievalDataModule
from m3net.data.records import SplitName
from m3net.errors import printable
from m3net.reports.data_statistics import (
    StatisticsRow,
    draw_statistics,
    render_bounds,
    render_classes,
    summarize,
    write_statistics,
)
from m3net.workflows.commands.datasets import run_on_dataset


def run(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    return run_on_dataset(stats, argv)


def stats(dataset: RetrievalDataModule, name: str, out: Path = Path()) -> int:
    """Count classes, images per class and labels per image, without a look at images.

    Also compute the MAP of a random order and the highest possible Recall@100. Writes
    FOLDER/stats.csv and FOLDER/stats.png. Exit code 1 says that a part could not be read and is
    left out. Problems call a setting such as --root by its full name, data.root.

    Args:
        dataset: What is counted.
        name: Shown for it.
        out: Folder to write to.

    Raises:
        M3NetError: The settings contradict one another, nothing can be read, or the table cannot be
            written.
    """
    findings = Findings(keep_going=True)
    contents = dataset.read(findings)
    splits: dict[SplitName, list[AttributeCounts]] = {
        split: count_attributes(part, contents.taxonomy, dataset.protocol)
        for split, part in contents.splits.named().items()
        if len(part)
    }
    sizes = {split: len(part) for split, part in contents.splits.named().items()}
    console = Terminal()
    rows: list[StatisticsRow] = []
    for split, counts in splits.items():
        split_rows = summarize(split, counts)
        console.print(render_classes(split_rows, f"{name} {split}: {sizes[split]:,} images"))
        if split_rows[-1].num_queries:
            title = f"{name} {split}, protocol {dataset.protocol}, in percent"
            console.print(render_bounds(split_rows, title))
        rows += split_rows
    for sentence in (*map(str, findings.problems), *findings.notes):
        console.print(f"m3net: {printable(sentence)}", soft_wrap=True)
    if rows:
        make_folder(out, setting="out")
        with writing(out, setting="out"):
            write_statistics(rows, dataset.protocol, out / "stats.csv")
            draw_statistics(splits, out / "stats.png")
        written = f"table and picture: {out / 'stats.csv'}, {out / 'stats.png'}"
        console.print(written, soft_wrap=True)
    return 1 if findings.problems else 0
