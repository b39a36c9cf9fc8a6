"""`m3net sweep`: search hyper-parameters by a sweep file of Weights & Biases."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from m3net.base.extras import check_extra
from m3net.base.files import write_text
from m3net.base.messages import set_up_logging
from m3net.base.packaged_configs import config_path
from m3net.base.terminal import Terminal
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_yaml
from m3net.errors import ConfigError
from m3net.workflows.studies.job import check_unchanged
from m3net.workflows.studies.runner import Outcome, study_folder
from m3net.workflows.studies.sweep_file import Trial, read_sweep
from m3net.workflows.studies.sweep_study import SweepStudy
from m3net.workflows.studies.trial_ranking import ranking_sheet, write_ranking

ABOUT = (
    "Search hyper-parameters by a sweep file of Weights & Biases. Without --local, print the "
    "commands that start its agents. With --local, train the trials here, without an account, and "
    "rank them by their best validation scores. The same command resumes an interrupted sweep and "
    "repeats nothing that has finished. Exit code 1 says that a trial failed. docs/sweeps.md "
    "describes it."
)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code: 0, or 1 if a trial failed.

    Args:
        arguments: The arguments after `m3net sweep`.

    Raises:
        M3NetError: A setting or a file of the sweep cannot be used.
        Stopped: A signal came.
    """
    set_up_logging()
    config = _parser().parse_args(list(arguments))
    console = Terminal(soft_wrap=True)
    file = config_path(config.file)
    if not file.is_file():
        raise ConfigError(f"sweep file {file} not found. 'm3net configs' lists some.")
    if not config.local:
        console.print(_wandb_commands(file, config.file))
        return 0
    if config.jobs < 1:
        raise ConfigError(f"--jobs is {config.jobs}: it must be 1 or more.")
    if config.seed < 0:
        raise ConfigError(f"--seed is {config.seed}: it must be 0 or more.")
    check_extra("optuna")
    sweep = read_sweep(file)
    count = sweep.count(config.trials)
    folder = config.runs / "sweep" / sweep.name
    study = SweepStudy(sweep, folder, config.seed)
    with study_folder(folder):
        settings = {"seed": config.seed} | sweep.identity
        _check_unchanged(folder / "sweep.yaml", settings)
        write_text(folder / "sweep.yaml", yaml.safe_dump(settings, sort_keys=False))
        if sweep.early_terminate is not None:
            console.print(
                "early_terminate works with W&B's agents only: each trial runs to its end"
            )
        console.print(f"{count} trials; logs in {folder / 'logs'}")
        _train(study, count, config.jobs, console)
    _report(study, config.runs, console)
    return int(any(trial.reason for trial in study.trials.values()))


def _train(study: SweepStudy, count: int, limit: int, console: Terminal) -> None:
    """Train the trials; update the ranking after each of them."""

    def report(trial: Trial, outcome: Outcome) -> None:
        write_ranking(study.ranking, study.sweep, study.folder)
        result = trial.status if trial.score is None else f"MAP@all {100 * trial.score:.2f}"
        console.print(f"{outcome.job.name}, {outcome.duration}: {result}")

    study.run(count, limit, report)


def _report(study: SweepStudy, runs: Path, console: Terminal) -> None:
    """Print the ranking and the command that trains the best trial again."""
    sweep, folder, trials = study.sweep, study.folder, study.ranking
    wide = Terminal(width=max(console.width, 100))
    wide.print("", ranking_sheet(trials, sweep, folder).render(wide.width), "")
    for name in ("ranking.md", "ranking.csv"):
        console.print(str(folder / name))
    if trials[0].score is not None:
        flags = (f"--runs={runs}", f"--experiment={sweep.name}_best")
        command = shlex.join(("m3net", "train", *sweep.arguments(trials[0].parameters), *flags))
        console.print(f"\nTo train the best trial again and test it:\n\n{command}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="m3net sweep", description=ABOUT, allow_abbrev=False)
    parser.add_argument("file", help="A sweep file, for example m3net:sweep/quick.")
    parser.add_argument("--local", action="store_true", help="Train the trials on this machine.")
    parser.add_argument(
        "--trials",
        type=int | None,
        default=None,
        help="Number of trials, finished ones included; at most run_cap of the file.",
    )
    parser.add_argument("--jobs", type=int, default=1, help="Number of trials at a time.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="Folder of all results.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the proposed values.")
    return parser


def _wandb_commands(file: Path, name: str) -> str:
    return (
        "With Weights & Biases ('wandb login' first); the first command prints the second:\n\n"
        f"wandb sweep {shlex.quote(str(file))}\nwandb agent ENTITY/PROJECT/ID\n\n"
        f"On this machine, without an account:\n\nm3net sweep --local {shlex.quote(name)}"
    )


def _check_unchanged(file: Path, settings: dict[str, Any]) -> None:
    """Check that the finished trials are of the same sweep.

    Raises:
        M3NetError: They are not, or the file of their settings is damaged.
    """
    if not file.is_file():
        return
    remedy = f"restore it, or delete {file.parent}, and run again"
    with parsing(file, remedy, "the sweep.yaml of a sweep"):
        before = read_yaml(file)
        if not isinstance(before, dict):
            raise TypeError("no mapping")
    check_unchanged(before, settings, file, file.parent)
