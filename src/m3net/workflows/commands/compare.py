"""`m3net compare`: trains and tests systems on one data set, and writes the table."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from jsonargparse import ArgumentParser, Namespace

from m3net.base.escaping import csv_cell
from m3net.base.files import make_folder, write_text
from m3net.base.messages import set_up_logging
from m3net.base.packaged_configs import expand_config_names
from m3net.base.terminal import Terminal
from m3net.boundary.links import check_run_folder
from m3net.errors import ConfigError, own_cause
from m3net.reports.published_numbers import published_scores
from m3net.reports.system_bars import draw_bars
from m3net.reports.system_scores import Outline, SystemScores, add_finest
from m3net.reports.system_sheets import comparison_bars, comparison_sheets
from m3net.workflows.cli import resolve
from m3net.workflows.studies.comparison.comparison_results import read_results
from m3net.workflows.studies.comparison.comparison_session import Done, Session
from m3net.workflows.studies.comparison.settings import Comparison

ABOUT = (
    "Train and test systems on one data set, with several seeds, under one budget, each in a "
    "process of its own; then write tables (Markdown, CSV) and a bar chart. What is done is not "
    "done again, and what was interrupted goes on, so that the command can be stopped and "
    "repeated. Exit code 1 says that a system failed; the others are done. docs/compare.md "
    "describes it."
)


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code: 0, or 1 where a system failed.

    Args:
        words: What stands after `m3net compare`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    set_up_logging()
    parser = _parser()
    try:
        config = parser.parse_args(expand_config_names(words))
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    comparison = _comparison(parser, config)
    if config.jobs < 1:
        raise ConfigError(f"--jobs is {config.jobs}: it must be 1 or more.")
    comparison.check_systems(config.only or [], "--only")
    folder = config.runs / "compare" / comparison.name
    make_folder(folder)
    check_run_folder(folder)
    plain = yaml.safe_load(parser.dump(config))
    write_text(folder / "compare.yaml", yaml.safe_dump(plain, sort_keys=False))
    console = Terminal(soft_wrap=True)
    session = Session(comparison, folder, resolve, console.print)
    done = session.run(config.only, config.jobs)
    if done:
        _report(session, done, console)
    else:
        console.print("nothing is trained yet, so that there is no table")
    errors = Terminal(stderr=True, soft_wrap=True)
    for failure in session.failures:
        errors.print(f"m3net: {failure.job.name} failed: {failure.reason} (log: {failure.log})")
    return 1 if session.failures else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="m3net compare", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="A file with all of these settings.")
    parser.add_class_arguments(Comparison)
    parser.add_argument(
        "--only",
        type=list[str] | None,
        default=None,
        help="Train these systems alone; [] trains none. The tables show all that is done.",
    )
    parser.add_argument("--jobs", type=int, default=1, help="Number of trainings side by side.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="Folder of all results.")
    return parser


def _comparison(parser: ArgumentParser, config: Namespace) -> Comparison:
    """Build the settings; what they refuse is said in their own words."""
    try:
        given = parser.instantiate(config)
        return Comparison(**{name: given[name] for name in Comparison.__annotations__})
    except ValueError as error:
        raise (own_cause(error) or error) from None


def _report(session: Session, done: Done, console: Terminal) -> None:
    """Write and print the tables of all that is done."""
    comparison, folder = session.comparison, session.folder
    rankings = {name: session.planner.rankings(name) for name in comparison.systems}
    scores = add_finest(read_results(done, rankings), comparison.focus)
    published = comparison.published
    outline = Outline(
        name=comparison.name,
        systems=tuple(comparison.systems),
        baseline=comparison.baseline,
        published=None if published is None else published_scores(published),
        focus=tuple(comparison.focus),
        absent=session.absent(done),
    )
    compared = SystemScores(scores, outline)
    sheets = comparison_sheets(compared)
    # With this end of lines, carriage returns in names stand in quotes.
    text = scores.map(csv_cell).to_csv(index=False, lineterminator="\r\n")
    write_text(folder / "comparison.csv", text)
    text = "\n".join(sheet.markdown() for sheet in sheets)
    write_text(folder / "comparison.md", text)
    draw_bars(*comparison_bars(compared), "MAP@all in percent", folder / "comparison.png")
    # Narrower, numbers would be cut; a file has no width at all.
    paper = Terminal(width=max(console.width, 100))
    for sheet in sheets:
        paper.print(sheet.render(paper.width), "")
    for name in ("comparison.md", "comparison.csv", "comparison.png"):
        console.print(str(folder / name))
