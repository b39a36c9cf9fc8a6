"""One comparison at work: what is left to do is done, and what is done is found."""

from collections.abc import Callable, Sequence
from pathlib import Path

from m3net.workflows.studies.comparison.comparison_results import images_per_second
from m3net.workflows.studies.comparison.plan import Planner, images_in, run_name
from m3net.workflows.studies.comparison.settings import Comparison
from m3net.workflows.studies.jobs.job import Job, Resolve
from m3net.workflows.studies.jobs.runner import Outcome, Runner

Done = dict[tuple[str, int], Path]
"""The run folder of each system and seed."""


class Session:
    """Runs a comparison.

    Attributes:
        comparison: What is asked for.
        planner: Knows what it takes.
        failures: What failed so far.
    """

    def __init__(
        self,
        comparison: Comparison,
        folder: Path,
        resolve: Resolve,
        tell: Callable[[str], None],
    ) -> None:
        """Take what is asked for.

        Args:
            comparison: Systems, seeds and budget.
            folder: Takes all results.
            resolve: Gives the settings of a training.
            tell: Takes sentences on how far it is.
        """
        self.comparison, self.folder, self.tell = comparison, folder, tell
        self.planner, self.runner = Planner(comparison, folder, resolve), Runner(folder)
        self.failures: list[Outcome] = []

    def run(self, only: Sequence[str] | None, side_by_side: int) -> Done:
        """Train what is not done, and give all that is.

        Args:
            only: Names of the systems that are trained; None for all.
            side_by_side: Number of trainings at a time.

        Raises:
            ConfigError: Settings are wrong, or others than those of a result that is there.
        """
        able = [name for name, own in self.comparison.systems.items() if own.unavailable is None]
        chosen = able if only is None else [name for name in able if name in only]
        images = self._images(able, chosen)
        jobs = {
            (name, seed): self.planner.training(name, seed, images[name])
            for name in able
            for seed in self.comparison.seeds
            if name in images
        }
        found = {key: self.runner.find(job) for key, job in jobs.items()}
        todo = [job for key, job in jobs.items() if found[key] is None and key[0] in chosen]
        self._work(todo, side_by_side)
        done = {key: self.runner.find(job) for key, job in jobs.items()}
        return {key: run for key, run in done.items() if run is not None}

    def absent(self, done: Done) -> dict[str, str]:
        """Say why there is no result of a system, or not of each seed.

        Args:
            done: All that is done.
        """
        why = {}
        failed = {outcome.job.name for outcome in self.failures}
        for name, system in self.comparison.systems.items():
            lost = [seed for seed in self.comparison.seeds if (name, seed) not in done]
            if system.unavailable is not None:
                why[name] = f"not on this data set: {system.unavailable}."
            elif lost:
                names = {run_name(name, seed) for seed in lost} | {f"{name}-timing"}
                fate = "failed" if names & failed else "not trained yet"
                why[name] = f"{fate}, seed {', '.join(map(str, lost))}."
        return why

    def _images(self, able: Sequence[str], chosen: Sequence[str]) -> dict[str, int]:
        """Return the number of images that each system may see, where known."""
        budget = self.comparison.budget
        if budget.minutes is None:
            return dict.fromkeys(able, budget.images or 0)
        timings = {name: self.planner.timing(name) for name in able}
        found = {name: self.runner.find(job) for name, job in timings.items()}
        # One after the other, whatever runs side by side later: the speed is the system's own.
        self._work([timings[name] for name in chosen if found[name] is None], 1)
        runs = {name: self.runner.find(job) for name, job in timings.items()}
        return {
            name: images_in(budget.minutes, images_per_second(run))
            for name, run in runs.items()
            if run is not None
        }

    def _work(self, jobs: Sequence[Job], side_by_side: int) -> None:
        if not jobs:
            return
        names = ", ".join(job.name for job in jobs)
        self.tell(f"to do: {names}; logs in {self.folder / 'logs'}")
        ended = 0

        def note(outcome: Outcome) -> None:
            nonlocal ended
            ended += 1
            if outcome.run is None:
                self.failures.append(outcome)
            fate = "done" if outcome.run is not None else f"failed: {outcome.reason}"
            took = f"{outcome.seconds / 60:.1f} min"
            self.tell(f"{ended}/{len(jobs)} {outcome.job.name}, {took}: {fate}")

        self.runner.run(jobs, side_by_side, note)
