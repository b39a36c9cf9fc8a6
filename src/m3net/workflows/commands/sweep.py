"""`m3net sweep`: searches hyper-parameters on this machine by a sweep file of W&B's form."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from m3net.base.differences import differences
from m3net.base.extras import check_extra
from m3net.base.files import make_folder, write_text
from m3net.base.messages import set_up_logging
from m3net.base.packaged_configs import config_path
from m3net.base.terminal import Terminal
from m3net.boundary.links import check_run_folder
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_yaml
from m3net.errors import ConfigError
from m3net.reports.sheets import Sheet
from m3net.workflows.cli import resolve
from m3net.workflows.studies.sweep.file import Sweep, read_sweep
from m3net.workflows.studies.sweep.ranking import ranked, ranking_sheet, write_ranking
from m3net.workflows.studies.sweep.sweep_session import Session, Trial

ABOUT = (
    "Search hyper-parameters by a sweep file of Weights & Biases. Without --local, say how its "
    "agents do so. With --local, train the trials here, without any account, and rank them by "
    "their best validation scores. What is done is not done again, and what was interrupted goes "
    "on, so that the command can be stopped and repeated. Exit code 1 says that a trial failed. "
    "docs/sweeps.md describes it."
)


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code: 0, or 1 where a trial failed.

    Args:
        words: What stands after `m3net sweep`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    set_up_logging()
    given = _parser().parse_args(list(words))
    console = Terminal(soft_wrap=True)
    file = config_path(given.file)
    if not file.is_file():
        raise ConfigError(f"sweep file {file} is not there; 'm3net configs' lists some.")
    if not given.local:
        console.print(_wandb_commands(file, given.file))
        return 0
    if given.jobs < 1:
        raise ConfigError(f"--jobs is {given.jobs}: it must be 1 or more.")
    if given.seed < 0:
        raise ConfigError(f"--seed is {given.seed}: it must be 0 or more.")
    check_extra("optuna")
    sweep = read_sweep(file)
    count = sweep.count(given.trials)
    folder = given.runs / "sweep" / sweep.name
    settings = {"seed": given.seed} | sweep.given
    _check_same(folder / "sweep.yaml", settings)
    report = _Report(sweep, folder, console)
    session = Session(sweep, folder, given.seed, resolve, report.note)
    session.check()
    make_folder(folder)
    check_run_folder(folder)
    write_text(folder / "sweep.yaml", yaml.safe_dump(settings, sort_keys=False))
    if sweep.stops_early:
        console.print("early_terminate is for W&B's agents: here each trial goes to its end")
    console.print(f"{count} trials; logs in {folder / 'logs'}")
    session.run(count, given.jobs)
    return report.end(given.runs)


class _Report:
    """Says how far a sweep is, and keeps the ranking of what has ended."""

    def __init__(self, sweep: Sweep, folder: Path, console: Terminal) -> None:
        self.sweep, self.folder, self.console = sweep, folder, console
        self.trials: list[Trial] = []

    def note(self, trial: Trial, seconds: float | None) -> None:
        """Take a trial that has ended."""
        self.trials = ranked([*self.trials, trial])
        write_ranking(self.trials, self._title, tuple(self.sweep.space), self.folder)
        fate = f"failed: {trial.reason}"
        if trial.score is not None:
            fate = f"MAP@all {100 * trial.score:.2f}"
        took = "done before" if seconds is None else f"{seconds / 60:.1f} min"
        self.console.print(f"trial-{trial.number}, {took}: {fate}")

    def end(self, runs: Path) -> int:
        """Print the ranking and the command that trains the best trial; give the exit code."""
        paper = Terminal(width=max(self.console.width, 100))
        paper.print("", self._sheet.render(paper.width), "")
        for name in ("ranking.md", "ranking.csv"):
            self.console.print(str(self.folder / name))
        failed = any(trial.reason for trial in self.trials)
        if self.trials and self.trials[0].score is not None:
            words = self.sweep.words(self.trials[0].values)
            places = (f"--runs={runs}", f"--experiment={self.sweep.name}_best")
            command = shlex.join(("m3net", "train", *words, *places))
            self.console.print(f"\nThe best trial, trained anew and tested:\n\n{command}")
        return int(failed)

    @property
    def _title(self) -> str:
        return f"sweep {self.sweep.name}, validation images, in percent"

    @property
    def _sheet(self) -> Sheet:
        return ranking_sheet(self.trials, self._title, tuple(self.sweep.space), self.folder)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="m3net sweep", description=ABOUT, allow_abbrev=False)
    parser.add_argument("file", help="A sweep file, for example m3net:sweep/quick.")
    parser.add_argument("--local", action="store_true", help="Train the trials on this machine.")
    parser.add_argument(
        "--trials",
        type=int | None,
        default=None,
        help="Number of trials, those that are done among them; at most run_cap of the file.",
    )
    parser.add_argument("--jobs", type=int, default=1, help="Number of trials side by side.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="Folder of all results.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of what is proposed.")
    return parser


def _wandb_commands(file: Path, typed: str) -> str:
    return (
        f"With Weights & Biases ('wandb login' first); the first command prints the second:\n\n"
        f"wandb sweep {shlex.quote(str(file))}\nwandb agent ENTITY/PROJECT/ID\n\n"
        f"On this machine alone:\n\nm3net sweep --local {shlex.quote(typed)}"
    )


def _check_same(file: Path, settings: dict[str, Any]) -> None:
    """Refuse another sweep under the results of one.

    Raises:
        M3NetError: They differ, or what is kept of the other is damaged.
    """
    if not file.is_file():
        return
    remedy = f"restore it, or delete {file.parent}, and run again"
    with parsing(file, remedy, "the sweep.yaml of a sweep"):
        before = read_yaml(file)
        if not isinstance(before, dict):
            raise TypeError("no mapping")
        changes = differences(before, settings)
    if changes:
        raise ConfigError(
            f"{file.parent} has trials of another sweep: {'; '.join(changes.values())}. Restore "
            "that, give the sweep another name, or delete the folder."
        )
