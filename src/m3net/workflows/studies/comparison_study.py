"""A comparison at work: trains what is unfinished and finds what is finished."""

import math
from collections.abc import Sequence
from pathlib import Path

import lightning as L

from m3net.base.terminal import Terminal
from m3net.experiments.run import Run
from m3net.training.callbacks.run_summary import WARM_UP
from m3net.workflows.cli import resolve
from m3net.workflows.studies.comparison import Comparison
from m3net.workflows.studies.comparison_results import PARTS, read_costs
from m3net.workflows.studies.job import Job, Settings, plan_job
from m3net.workflows.studies.runner import Outcome, Runner

TIMED_STEPS = 50


class ComparisonStudy:
    """Trains the systems of a comparison.

    Attributes:
        comparison: Systems, seeds and budget.
        folder: The study's folder.
        console: Shows the progress.
        runs: Run folder of each system and seed that has finished.
        failures: Outcomes of the jobs that failed.
    """

    def __init__(self, comparison: Comparison, folder: Path, console: Terminal) -> None:
        """Read nothing and train nothing yet."""
        self.comparison, self.folder, self.console = comparison, folder, console
        self.runs: dict[tuple[str, int], Path] = {}
        self.failures: list[Outcome] = []
        self._runner = Runner(folder)
        self._base_settings: dict[tuple[str, ...], Settings] = {}

    def run(self, only: Sequence[str] | None, limit: int) -> None:
        """Train what is unfinished.

        Args:
            only: Names of the systems that are trained; None for all.
            limit: Number of trainings at a time.

        Raises:
            M3NetError: Settings are wrong or differ from those of a finished training, or a file
                of a finished training is damaged.
            Stopped: A signal came.
        """
        systems = self.comparison.systems
        available = [name for name, system in systems.items() if system.unavailable is None]
        chosen = [name for name in available if only is None or name in only]
        seeds = self.comparison.seeds
        jobs = {
            name: [self.training(name, seed, images) for seed in seeds]
            for name, images in self._images(available, chosen).items()
        }
        runs = self._run(jobs, chosen, limit)
        keys = {_job_name(name, seed): (name, seed) for name in jobs for seed in seeds}
        self.runs = {key: runs[job] for job, key in keys.items() if job in runs}

    def training(self, name: str, seed: int, images: int) -> Job:
        """Return the training of a system with a seed.

        Args:
            name: Name of the system.
            seed: Seed of its weights and of the order of training images; the splits stay.
            images: Number of training images that it sees, up to a whole batch.

        Raises:
            ConfigError: The training refuses an argument.
        """
        base = self._base_arguments(name)
        if base not in self._base_settings:  # the same for all seeds, and slow
            self._base_settings[base] = resolve(("train", *base))
        settings = self._base_settings[base]
        configured = settings["model"]["ranking"]
        rankings = list(dict.fromkeys((configured, *self.comparison.rankings_of(name))))
        steps = math.ceil(images / images_per_step(settings))
        arguments = (
            *("train", *base, "--trainer.max_epochs=-1", f"--trainer.max_steps={steps}"),
            *(f"--seed_everything={seed}", f"--data.loading.seed={seed}"),
            # A report takes a while, and m3net report can write it later.
            *(f"--rankings=[{','.join(rankings)}]", "--report=false"),
        )
        run = Run(Path())
        names = [None if ranking == configured else ranking for ranking in rankings]
        scores = [run.evaluation(part, name).scores for name in names for part in PARTS.values()]
        files = [str(file) for file in (run.config, run.summary, *scores)]
        return plan_job(_job_name(name, seed), arguments, files, self.folder)

    def timing(self, name: str) -> Job:
        """Return the short training that measures the speed of a system; it keeps no weights."""
        arguments = (
            *("fit", *self._base_arguments(name), "--trainer.max_epochs=-1"),
            f"--trainer.max_steps={WARM_UP + TIMED_STEPS}",
            *("--trainer.limit_val_batches=0", "--trainer.num_sanity_val_steps=0"),
            *("--checkpoint.save_top_k=0", "--checkpoint.save_last=false"),
        )
        return plan_job(f"{name}-timing", arguments, [str(Run(Path()).summary)], self.folder)

    def absent(self) -> dict[str, str]:
        """Return why a system has no result, or not for each seed."""
        reasons = {}
        failed = {outcome.job.name for outcome in self.failures}
        for name, system in self.comparison.systems.items():
            seeds = [seed for seed in self.comparison.seeds if (name, seed) not in self.runs]
            if system.unavailable is not None:
                reasons[name] = f"not on this data set: {system.unavailable}."
            elif seeds:
                jobs = {f"{name}-timing", *(_job_name(name, seed) for seed in seeds)}
                state = "failed" if jobs & failed else "not trained yet"
                reasons[name] = f"{state}, seed {', '.join(map(str, seeds))}."
        return reasons

    def _images(self, available: Sequence[str], chosen: Sequence[str]) -> dict[str, int]:
        """Return the number of training images of each system whose number is known."""
        budget = self.comparison.budget
        if budget.minutes is None:
            return dict.fromkeys(available, budget.images or 0)
        jobs = {name: [self.timing(name)] for name in available}
        # One at a time, so that systems do not slow down one another.
        runs = self._run(jobs, chosen, limit=1)
        images = {}
        for name, [job] in jobs.items():
            if job.name in runs:
                speed = read_costs(Run(runs[job.name]))["images_per_second"]
                images[name] = max(1, int(60 * budget.minutes * speed))
        return images

    def _run(
        self, jobs: dict[str, list[Job]], chosen: Sequence[str], limit: int
    ) -> dict[str, Path]:
        """Run the unfinished jobs of the chosen systems; return the run folders of all jobs."""
        # All are looked up first: changed settings are refused before anything is trained.
        runs = {job.name: self._runner.find(job) for group in jobs.values() for job in group}
        todo = [job for name in chosen for job in jobs.get(name, []) if runs[job.name] is None]
        if todo:
            names = ", ".join(job.name for job in todo)
            self.console.print(f"to do: {names}; logs in {self.folder / 'logs'}")
        ended = 0

        def report(outcome: Outcome) -> None:
            nonlocal ended
            ended += 1
            runs[outcome.job.name] = outcome.run
            if outcome.run is None:
                self.failures.append(outcome)
            result = f"failed: {outcome.reason}" if outcome.run is None else "done"
            progress = f"{ended}/{len(todo)} {outcome.job.name}, {outcome.duration}"
            self.console.print(f"{progress}: {result}")

        self._runner.run(todo, limit, report)
        return {name: run for name, run in runs.items() if run is not None}

    def _base_arguments(self, name: str) -> tuple[str, ...]:
        """Return the arguments that all trainings of a system share."""
        system = self.comparison.systems[name]
        files = (*self.comparison.configs, *system.configs)
        configs = (argument for file in files for argument in ("--config", file))
        return *configs, *self.comparison.flags, *system.flags


def images_per_step(settings: Settings) -> int:
    """Return the number of images per optimizer step of a training, over all its processes."""
    trainer, loading = settings["trainer"], settings["data"]["init_args"]["loading"]
    devices = {key: trainer[key] for key in ("accelerator", "strategy", "devices", "num_nodes")}
    processes = L.Trainer(**devices, logger=False, enable_checkpointing=False).world_size
    images: int = loading["batch_size"] * processes * trainer["accumulate_grad_batches"]
    return images


def _job_name(system: str, seed: int) -> str:
    return f"{system}-seed{seed}"
