"""One sweep at work: what is proposed is kept, what is done is found, and the rest is trained."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from m3net.base.files import write_text
from m3net.experiments.run import Run
from m3net.workflows.studies.jobs.job import Job, Resolve, plan_job
from m3net.workflows.studies.jobs.runner import Outcome, Runner
from m3net.workflows.studies.sweep.file import METRIC, Sweep
from m3net.workflows.studies.sweep.proposals import Tried, propose
from m3net.workflows.studies.sweep.space import Values, edges
from m3net.workflows.studies.sweep.trial_results import best_score, read_proposals

_RUN = Run(Path())
_FILES = (str(_RUN.config), str(_RUN.summary))


@dataclass(frozen=True)
class Trial:
    """What became of a trial.

    Attributes:
        number: From 0.
        values: Of the hyper-parameters.
        run: Its run folder; None where it failed.
        score: The best on validation images, in [0, 1]; None where it failed.
        reason: Why it failed.
    """

    number: int
    values: Values
    run: Path | None = None
    score: float | None = None
    reason: str = ""


class Session:
    """Runs the trials of a sweep.

    Attributes:
        sweep: What is asked for.
        trials: Those that have ended, by number.
    """

    def __init__(
        self,
        sweep: Sweep,
        folder: Path,
        seed: int,
        resolve: Resolve,
        tell: Callable[[Trial, float | None], None],
    ) -> None:
        """Take what is asked for.

        Args:
            sweep: Command, hyper-parameters and method.
            folder: Takes all results.
            seed: Of the proposals.
            resolve: Gives the settings of a training.
            tell: Takes each trial that has ended, and the seconds that it took, None where it was
                done before.

        Raises:
            CheckpointError: What was proposed before is damaged.
        """
        self.sweep, self.folder, self.seed = sweep, folder, seed
        self.trials: dict[int, Trial] = {}
        self._resolve, self._tell, self._runner = resolve, tell, Runner(folder)
        self._file = folder / "proposals.json"
        self._proposals = read_proposals(self._file, sweep) if self._file.is_file() else []

    def check(self) -> None:
        """See that the training takes each flag of the sweep, before anything is trained.

        Raises:
            ConfigError: There is no such flag, or it takes no such value.
        """
        for values in edges(self.sweep.space):
            self._resolve(("fit", *self.sweep.words(values)))

    def run(self, count: int, side_by_side: int) -> None:
        """Train what is not done; a trial that fails stops no other.

        Args:
            count: Number of trials. Further ones that are done count as well.
            side_by_side: How many at a time.

        Raises:
            ConfigError: A trial that is done had other settings.
        """
        self._runner.run(self._jobs(count), side_by_side, self._end)

    def _jobs(self, count: int) -> Iterator[Job]:
        """Yield the remaining trainings, each as late as possible: earlier ones inform it."""
        for number in range(max(count, len(self._proposals))):
            job = self._job(number)
            run = self._runner.find(job)
            if run is not None:
                self._note(number, run, None)
            elif number < count:
                yield job

    def _job(self, number: int) -> Job:
        if number == len(self._proposals):
            self._propose(number)
        words = ("fit", *self.sweep.words(self._proposals[number]), "--trainer.logger=null")
        return plan_job(f"trial-{number}", words, _FILES, self.folder, self._resolve)

    def _propose(self, number: int) -> None:
        """Choose values from what is known by now, and keep them."""
        failed = {own.number for own in self.trials.values() if own.score is None}
        tried = [
            Tried(values, self.trials[place].score if place in self.trials else None)
            for place, values in enumerate(self._proposals)
            if place not in failed
        ]
        sweep = self.sweep
        self._proposals.append(propose(sweep.method, sweep.space, self.seed, number, tried))
        write_text(self._file, json.dumps(self._proposals, indent=2) + "\n")

    def _end(self, outcome: Outcome) -> None:
        number = int(outcome.job.name.removeprefix("trial-"))
        if outcome.run is not None:
            self._note(number, outcome.run, outcome.seconds)
        else:
            reason = f"{outcome.reason} (log: {outcome.log})"
            self._keep(Trial(number, self._proposals[number], reason=reason), outcome.seconds)

    def _note(self, number: int, run: Path, seconds: float | None) -> None:
        """Take a training that has gone to its end, which may yet have no score."""
        values, score = self._proposals[number], best_score(run)
        reason = "" if score is not None else f"{Run(run).summary} has no best {METRIC}"
        self._keep(Trial(number, values, run, score, reason), seconds)

    def _keep(self, trial: Trial, seconds: float | None) -> None:
        self.trials[trial.number] = trial
        self._tell(trial, seconds)
