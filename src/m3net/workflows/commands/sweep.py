"""`m3net sweep`: search hyper-parameters by a sweep file of Weights & Biases."""

import shlex
from pathlib import Path
from typing import Any

import yaml

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


def sweep(
    file: str,
    local: bool = False,
    trials: int | None = None,
    jobs: int = 1,
    runs: Path = Path("runs"),
    seed: int = 0,
) -> int:
    """Search hyper-parameters by a sweep file of Weights & Biases.

    Without --local, print the commands that start its agents. With --local, train the trials here,
    without an account, and rank them by their best validation scores. The same command resumes an
    interrupted sweep and repeats nothing that has finished. Exit code 1 says that a trial failed.
    docs/sweeps.md describes it.

    Args:
        file: A sweep file, for example m3net:sweep/quick.
        local: Train the trials on this machine.
        trials: Number of trials, finished ones included; at most run_cap of the file.
        jobs: Number of trials at a time.
        runs: Folder of all results.
        seed: Seed of the proposed values.

    Raises:
        M3NetError: A setting or a file of the sweep cannot be used.
        Stopped: A signal came.
    """
    set_up_logging()
    console = Terminal(soft_wrap=True)
    path = config_path(file)
    if not path.is_file():
        raise ConfigError(f"sweep file {path} not found. 'm3net configs' lists some.")
    if not local:
        console.print(_wandb_commands(path, file))
        return 0
    if jobs < 1:
        raise ConfigError(f"--jobs is {jobs}: it must be 1 or more.")
    if seed < 0:
        raise ConfigError(f"--seed is {seed}: it must be 0 or more.")
    check_extra("optuna")
    settings = read_sweep(path)
    count = settings.count(trials)
    folder = runs / "sweep" / settings.name
    study = SweepStudy(settings, folder, seed)
    with study_folder(folder):
        identity = {"seed": seed} | settings.identity
        _check_unchanged(folder / "sweep.yaml", identity)
        write_text(folder / "sweep.yaml", yaml.safe_dump(identity, sort_keys=False))
        if settings.early_terminate is not None:
            console.print(
                "early_terminate works with W&B's agents only: each trial runs to its end"
            )
        console.print(f"{count} trials; logs in {folder / 'logs'}")
        _train(study, count, jobs, console)
    _report(study, runs, console)
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
    settings, folder, trials = study.sweep, study.folder, study.ranking
    wide = Terminal(width=max(console.width, 100))
    wide.print("", ranking_sheet(trials, settings, folder).render(wide.width), "")
    for name in ("ranking.md", "ranking.csv"):
        console.print(str(folder / name))
    if trials[0].score is not None:
        flags = (f"--runs={runs}", f"--experiment={settings.name}_best")
        command = shlex.join(("m3net", "train", *settings.arguments(trials[0].parameters), *flags))
        console.print(f"\nTo train the best trial again and test it:\n\n{command}")


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
