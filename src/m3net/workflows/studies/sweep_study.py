"""A sweep at work: proposes values, trains the trials and ranks them."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from m3net.base.files import write_text
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.experiments.run import Run
from m3net.workflows.cli import resolve
from m3net.workflows.studies.job import RETRAIN, Job, plan_job
from m3net.workflows.studies.proposals import propose, read_proposals
from m3net.workflows.studies.runner import Outcome, Runner
from m3net.workflows.studies.sweep_file import METRIC, Sweep, Trial, Values

_PREFIX = "trial-"


class SweepStudy:
    """Trains the trials of a sweep.

    Attributes:
        sweep: Command, hyper-parameters and method.
        trials: Trials that have ended, by number.
    """

    def __init__(self, sweep: Sweep, folder: Path, seed: int) -> None:
        """Check that the training accepts each flag of the sweep; write nothing yet.

        Args:
            sweep: Command, hyper-parameters and method.
            folder: The study's folder.
            seed: Seed of the proposals.

        Raises:
            ConfigError: The training refuses a flag or a value.
        """
        self.sweep, self.folder, self.seed = sweep, folder, seed
        self.trials: dict[int, Trial] = {}
        self._runner, self._proposals_file = Runner(folder), folder / "proposals.json"
        self._proposals: list[Values] = []
        for values in sweep.edges():
            resolve(("fit", *sweep.arguments(values)))

    def run(self, count: int, limit: int, on_end: Callable[[Trial, Outcome], None]) -> None:
        """Train the unfinished trials; a trial that fails does not stop the others.

        Args:
            count: Number of trials; finished ones beyond it are ranked too.
            limit: Number of trials at a time.
            on_end: Called with each trial when it ends.

        Raises:
            M3NetError: A finished trial had other settings, or one of its files is damaged.
            Stopped: A signal came.
        """
        self._proposals = read_proposals(self._proposals_file, self.sweep)
        self._runner.run(
            self._jobs(count), limit, lambda outcome: on_end(self._add(outcome), outcome)
        )

    @property
    def ranking(self) -> list[Trial]:
        """The trials that have ended, best first."""
        return sorted(self.trials.values(), key=lambda trial: trial.order)

    def _jobs(self, count: int) -> Iterator[Job]:
        """Yield the trials, each as late as possible: earlier scores inform its values."""
        for number in range(max(count, len(self._proposals))):
            job = self._job(number)
            if number < count or self._runner.find(job) is not None:
                yield job

    def _job(self, number: int) -> Job:
        if number == len(self._proposals):
            self._propose(number)
        flags = self.sweep.arguments(self._proposals[number])
        run = Run(Path())
        files = (str(run.config), str(run.summary))
        arguments = ("fit", *flags, "--trainer.logger=null")
        return plan_job(f"{_PREFIX}{number}", arguments, files, self.folder)

    def _propose(self, number: int) -> None:
        """Choose the values of a trial by the scores that are known now, and write them."""
        earlier = [self.trials.get(n, Trial(n, some)) for n, some in enumerate(self._proposals)]
        tried = [trial for trial in earlier if not trial.reason]
        self._proposals.append(propose(self.sweep, self.seed, number, tried))
        write_text(self._proposals_file, json.dumps(self._proposals, indent=2) + "\n")

    def _add(self, outcome: Outcome) -> Trial:
        """Add the trial of a job that has ended; one that was never validated has failed."""
        number, run = int(outcome.job.name.removeprefix(_PREFIX)), outcome.run
        score = None if run is None else best_score(run)
        reason = outcome.reason
        if run is not None and score is None:
            reason = f"{Run(run).summary} has no best {METRIC}"
        trial = Trial(number, self._proposals[number], run, score, reason)
        self.trials[number] = trial
        return trial


def best_score(run: Path) -> float | None:
    """Return the validation score of a run's best weights; None if it was never validated.

    Raises:
        CheckpointError: Its metrics.json is damaged.
    """
    file = Run(run).summary
    with parsing(file, RETRAIN):
        best = dict(read_json(file)["best"] or {})
        score = best.get(METRIC)
        return score if score is not None and math.isfinite(score) else None
