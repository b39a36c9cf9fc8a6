"""`m3net compare`: train and test systems on one data set, and write their table."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from jsonargparse import ArgumentParser, Namespace

from m3net.base.escaping import csv_cell
from m3net.base.files import write_text
from m3net.base.messages import set_up_logging
from m3net.base.packaged_configs import expand_config_names
from m3net.base.terminal import Terminal
from m3net.errors import ConfigError, own_cause
from m3net.reports.published_numbers import published_scores
from m3net.reports.system_scores import Outline, SystemScores, add_finest
from m3net.reports.system_sheets import comparison_sheets, draw_bars
from m3net.workflows.studies.comparison import Comparison
from m3net.workflows.studies.comparison_results import read_results
from m3net.workflows.studies.comparison_study import ComparisonStudy
from m3net.workflows.studies.runner import study_folder

ABOUT = (
    "Train and test systems on one data set, with several seeds, under one budget, each in its "
    "own process; then write tables (Markdown, CSV) and a bar chart. The same command resumes an "
    "interrupted comparison and repeats nothing that has finished. Exit code 1 says that a "
    "training failed; all others were done. docs/compare.md describes it."
)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code: 0, or 1 if a training failed.

    Args:
        arguments: The arguments after `m3net compare`.

    Raises:
        M3NetError: A setting or a file of the comparison cannot be used.
        Stopped: A signal came.
    """
    set_up_logging()
    parser = _parser()
    try:
        config = parser.parse_args(expand_config_names(arguments))
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    comparison = _comparison(parser, config)
    if config.jobs < 1:
        raise ConfigError(f"--jobs is {config.jobs}: it must be 1 or more.")
    comparison.check_systems(config.only or [], "--only")
    folder = config.runs / "compare" / comparison.name
    console, errors = Terminal(soft_wrap=True), Terminal(stderr=True, soft_wrap=True)
    study = ComparisonStudy(comparison, folder, console)
    with study_folder(folder, trains=config.only != []):
        plain = yaml.safe_load(parser.dump(config))
        write_text(folder / "compare.yaml", yaml.safe_dump(plain, sort_keys=False))
        study.run(config.only, config.jobs)
        if study.runs:
            _report(study, console)
        else:
            console.print("nothing is trained yet, so there is no table")
    for failure in study.failures:
        errors.print(f"m3net: {failure.job.name} failed: {failure.reason}")
    return 1 if study.failures else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="m3net compare", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="A file with all of these settings.")
    parser.add_class_arguments(Comparison)
    parser.add_argument(
        "--only",
        type=list[str] | None,
        default=None,
        help="Train only these systems; [] trains none. The tables show all that is trained.",
    )
    parser.add_argument("--jobs", type=int, default=1, help="Number of trainings at a time.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="Folder of all results.")
    return parser


def _comparison(parser: ArgumentParser, config: Namespace) -> Comparison:
    try:
        settings = parser.instantiate(config)
        return Comparison(**{name: settings[name] for name in Comparison.__annotations__})
    except ValueError as error:
        raise (own_cause(error) or error) from None


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
