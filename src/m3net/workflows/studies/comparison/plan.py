"""From a comparison to the trainings that it takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import lightning as L

from m3net.experiments.run import Run
from m3net.training.callbacks.run_summary import WARM_UP
from m3net.workflows.studies.comparison.settings import Comparison, System
from m3net.workflows.studies.jobs.job import Job, Resolve, Settings, plan_job

TIMED_STEPS = 50


@dataclass(frozen=True)
class Planner:
    """Gives the jobs of a comparison.

    Attributes:
        comparison: What is asked for.
        folder: Takes all results.
        resolve: Gives the settings of a training.
    """

    comparison: Comparison
    folder: Path
    resolve: Resolve
    _bases: dict[tuple[str, ...], Settings] = field(default_factory=dict, repr=False)

    def training(self, name: str, seed: int, images: int) -> Job:
        """Return the training of a system with a seed.

        Args:
            name: Of the system.
            seed: Of its weights and of the order of training images; the splits stay.
            images: How many it sees; the last batch is filled up.
        """
        base = self._words(self.comparison.systems[name])
        settings = self._resolve_base(base)
        own, others = settings["model"]["ranking"], self.rankings(name)
        steps = num_steps(images, images_per_step(settings))
        rankings = list(dict.fromkeys((own, *others)))
        words = (
            *("train", *base, "--trainer.max_epochs=-1", f"--trainer.max_steps={steps}"),
            *(f"--seed_everything={seed}", f"--data.loading.seed={seed}"),
            # A page takes a while, and m3net report can make it of any run later.
            *(f"--rankings=[{','.join(rankings)}]", "--report=false"),
        )
        return self._job(run_name(name, seed), words, files_of_training(rankings, own))

    def timing(self, name: str) -> Job:
        """Return the short training that measures a system's speed; it keeps no weights.

        Args:
            name: Of the system.
        """
        words = (
            *("fit", *self._words(self.comparison.systems[name]), "--trainer.max_epochs=-1"),
            f"--trainer.max_steps={WARM_UP + TIMED_STEPS}",
            *("--trainer.limit_val_batches=0", "--trainer.num_sanity_val_steps=0"),
            *("--checkpoint.save_top_k=0", "--checkpoint.save_last=false"),
        )
        return self._job(f"{name}-timing", words, (str(Run(Path()).summary),))

    def rankings(self, name: str) -> Sequence[str]:
        """Return the rankings of a system beside its configured one."""
        own = self.comparison.systems[name].rankings
        return self.comparison.rankings if own is None else own

    def _resolve_base(self, base: tuple[str, ...]) -> Settings:
        """Return the settings that all seeds of a system share; cached, since it is slow."""
        if base not in self._bases:
            self._bases[base] = self.resolve(("train", *base))
        return self._bases[base]

    def _words(self, system: System) -> tuple[str, ...]:
        files = (*self.comparison.configs, *system.configs)
        configs = (word for file in files for word in ("--config", file))
        return *configs, *self.comparison.flags, *system.flags

    def _job(self, name: str, words: tuple[str, ...], files: tuple[str, ...]) -> Job:
        return plan_job(name, words, files, self.folder, self.resolve)


PARTS = {"val": "validate", "test": "test"}


def files_of_training(rankings: Sequence[str], own: str) -> tuple[str, ...]:
    """Return the files, relative to its run folder, that a finished training has written.

    Args:
        rankings: Those that it was judged by.
        own: The configured one.

    Example:
        >>> files_of_training(["posterior"], "class")[2:]
        ('rankings/posterior/validate/scores.csv', 'rankings/posterior/test/scores.csv')
    """
    run = Run(Path())
    others = [None if ranking == own else ranking for ranking in rankings]
    scores = [run.evaluation(part, other).scores for other in others for part in PARTS.values()]
    return tuple(str(file) for file in (run.config, run.summary, *scores))


def run_name(system: str, seed: int) -> str:
    """Name the experiment of a system with a seed."""
    return f"{system}-seed{seed}"


def images_per_step(settings: Settings) -> int:
    """Return the number of images per optimizer step, over all processes.

    Args:
        settings: Of a training.
    """
    trainer, loading = settings["trainer"], settings["data"]["init_args"]["loading"]
    chosen = {key: trainer[key] for key in ("accelerator", "strategy", "devices", "num_nodes")}
    processes = L.Trainer(**chosen, logger=False, enable_checkpointing=False).world_size
    per_step: int = loading["batch_size"] * processes * trainer["accumulate_grad_batches"]
    return per_step


def num_steps(images: int, per_step: int) -> int:
    """Return the number of steps that see at least `images` images.

    Example:
        >>> num_steps(128, 64), num_steps(129, 64)
        (2, 3)
    """
    return math.ceil(images / per_step)


def images_in(minutes: float, images_per_second: float) -> int:
    """Return the number of images that a training sees in some minutes, at least one.

    Example:
        >>> images_in(0.5, 10.25)
        307
    """
    return max(1, int(60 * minutes * images_per_second))
