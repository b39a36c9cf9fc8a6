"""`m3net compare`: train and test systems on one data set, and write their table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from m3net.base.escaping import csv_cell
from m3net.base.files import write_text
from m3net.base.messages import set_up_logging
from m3net.base.terminal import Terminal
from m3net.errors import ConfigError
from m3net.reports.published_numbers import published_scores
from m3net.reports.system_scores import Outline, SystemScores, add_finest
from m3net.reports.system_sheets import comparison_sheets, draw_bars
from m3net.workflows.arguments import run_function
from m3net.workflows.studies.comparison import Comparison
from m3net.workflows.studies.comparison_results import read_results
from m3net.workflows.studies.comparison_study import ComparisonStudy
from m3net.workflows.studies.runner import study_folder


def run(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    return run_function(compare, argv, "m3net compare", flat=Comparison)


def compare(
    comparison: Comparison,
    only: list[str] | None = None,
    jobs: int = 1,
    runs: Path = Path("runs"),
) -> int:
    """Train and test systems on one data set, with several seeds, under one budget.

    Each training is a process of its own. Afterwards the command writes tables (Markdown, CSV) and
    a bar chart. The same command resumes an interrupted comparison and repeats nothing that has
    finished. Exit code 1 says that a training failed; all others were done. docs/compare.md
    describes it.

    Args:
        comparison: Systems, seeds and budget.
        only: Train only these systems; [] trains none. The tables show all that is trained.
        jobs: Number of trainings at a time.
        runs: Folder of all results.

    Raises:
        M3NetError: A setting or a file of the comparison cannot be used.
        Stopped: A signal came.
    """
    set_up_logging()
    if jobs < 1:
        raise ConfigError(f"--jobs is {jobs}: it must be 1 or more.")
    comparison.check_systems(only or [], "--only")
    folder = runs / "compare" / comparison.name
    console, errors = Terminal(soft_wrap=True), Terminal(stderr=True, soft_wrap=True)
    study = ComparisonStudy(comparison, folder, console)
    with study_folder(folder, trains=only != []):
        settings = yaml.safe_dump(asdict(comparison), sort_keys=False)
        write_text(folder / "compare.yaml", settings)
        study.run(only, jobs)
        if study.runs:
            _report(study, console)
        else:
            console.print("nothing is trained yet, so there is no table")
    for failure in study.failures:
        errors.print(f"m3net: {failure.job.name} failed: {failure.reason}")
    return 1 if study.failures else 0


def _report(study: ComparisonStudy, console: Terminal) -> None:
    """Write and print the tables of all finished trainings."""
    comparison, folder = study.comparison, study.folder
    rankings = {name: comparison.rankings_of(name) for name in comparison.systems}
    scores = add_finest(read_results(study.runs, rankings), comparison.focus)
    published = comparison.published
    outline = Outline(
        name=comparison.name,
        systems=tuple(comparison.systems),
        baseline=comparison.baseline,
        published=None if published is None else published_scores(published),
        focus=tuple(comparison.focus),
        absent=study.absent(),
    )
    compared = SystemScores(scores, outline)
    sheets = comparison_sheets(compared)
    # With this line terminator, pandas quotes carriage returns in names.
    text = scores.map(csv_cell).to_csv(index=False, lineterminator="\r\n")
    write_text(folder / "comparison.csv", text)
    write_text(folder / "comparison.md", "\n".join(sheet.markdown() for sheet in sheets))
    draw_bars(compared, folder / "comparison.png")
    # A narrower table would cut numbers.
    wide = Terminal(width=max(console.width, 100))
    for sheet in sheets:
        wide.print(sheet.render(wide.width), "")
    for name in ("comparison.md", "comparison.csv", "comparison.png"):
        console.print(str(folder / name))
