"""What a job that was interrupted has left, and whether it can go on from there."""

from pathlib import Path

from m3net.base.differences import differences
from m3net.experiments.run import PLACES, Run
from m3net.training.resume import SURVIVAL, latest_run
from m3net.training.trainer import best_precision
from m3net.workflows.studies.jobs.job import Settings

_OWN = (
    *(*PLACES, *SURVIVAL),
    *("trainer.default_root_dir", "trainer.logger", "checkpoint.dirpath"),
)
"""Settings, or beginnings of their names, that each run has of its own."""


def has_begun(root: Path, name: str, settings: Settings) -> bool:
    """Tell whether the latest run of a job did not end, and was begun with the same settings.

    Args:
        root: Folder of all runs.
        name: Of the job, and so of its experiment.
        settings: All that its words amount to.

    Raises:
        CheckpointError: The settings of the run cannot be read.
    """
    run = latest_run(root, name)
    if run is None:
        return False
    trainer = settings["trainer"]
    chosen = trainer | {"precision": trainer["precision"] or best_precision()}
    found = differences(Run(run).settings(), settings | {"trainer": chosen})
    return all(changed.startswith(_OWN) for changed in found)
