"""`m3net data stats`: what a data set holds, what chance gives and what is possible at best."""

from collections.abc import Sequence
from pathlib import Path

from m3net.base.files import writing
from m3net.base.terminal import Terminal
from m3net.data.annotations.findings import Findings
from m3net.data.records import SplitName
from m3net.data.statistics import AttributeCounts, count_attributes
from m3net.errors import printable
from m3net.reports.statistics import (
    StatisticsRow,
    draw_statistics,
    render_bounds,
    render_classes,
    summarize,
    write_statistics,
)
from m3net.workflows.commands.datasets import parse_dataset

ABOUT = (
    "Count classes, images per class and labels per image, and give the MAP of a random order and "
    "the highest Recall@100 that is possible; images are not looked at. Writes FOLDER/stats.csv "
    "and FOLDER/stats.png. Exit code 1 says that a part could not be read and is left out."
)


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code: 0, or 1 where a part of the annotations is wrong.

    Args:
        words: What stands after `m3net data stats`.

    Raises:
        M3NetError: The settings contradict one another, nothing can be read, or the table cannot be
            written.
    """
    name, module, config = parse_dataset("stats", ABOUT, words)
    folder: Path = config["out"]
    findings = Findings(keep_going=True)
    contents = module.read(findings)
    splits: dict[SplitName, list[AttributeCounts]] = {
        split: count_attributes(part, contents.taxonomy, module.protocol)
        for split, part in contents.splits.named().items()
        if len(part)
    }
    sizes = {split: len(part) for split, part in contents.splits.named().items()}
    console = Terminal()
    rows: list[StatisticsRow] = []
    for split, counts in splits.items():
        own = summarize(split, counts)
        console.print(render_classes(own, f"{name} {split}: {sizes[split]:,} images"))
        if own[-1].num_queries:
            title = f"{name} {split}, protocol {module.protocol}, in percent"
            console.print(render_bounds(own, title))
        rows += own
    for sentence in (*map(str, findings.problems), *findings.notes):
        console.print(f"m3net: {printable(sentence)}", soft_wrap=True)
    if rows:
        with writing(folder, instead="another one by --out"):
            folder.mkdir(parents=True, exist_ok=True)
            write_statistics(rows, module.protocol, folder / "stats.csv")
            draw_statistics(splits, folder / "stats.png")
        written = f"table and picture: {folder / 'stats.csv'}, {folder / 'stats.png'}"
        console.print(written, soft_wrap=True)
    return 1 if findings.problems else 0
