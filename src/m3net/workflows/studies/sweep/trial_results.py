"""What a sweep has kept, and what its trainings have: read again, or refused in words."""

import math
from pathlib import Path

from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.experiments.run import Run
from m3net.workflows.studies.sweep.file import METRIC, Sweep
from m3net.workflows.studies.sweep.space import Values


def read_proposals(file: Path, sweep: Sweep) -> list[Values]:
    """Read the values of the trials so far.

    Args:
        file: As a sweep has written it.
        sweep: The same sweep.

    Raises:
        CheckpointError: It is damaged, or of another sweep.
    """
    # Another method proposes the same again, whatever was found.
    what = file if sweep.method != "bayes" else file.parent
    with parsing(file, f"restore it, or delete {what}, and run again", "the proposals of a sweep"):
        proposals = read_json(file)
        if not isinstance(proposals, list):
            raise TypeError("no list")
        for values in proposals:
            if {*values} != {*sweep.space}:
                raise ValueError("other hyper-parameters")
            if not all(own.allows(values[name]) for name, own in sweep.space.items()):
                raise ValueError("another value")
        return proposals


def best_score(run: Path) -> float | None:
    """Return the score of a training's best weights; None if it was never validated.

    Args:
        run: Its run folder.

    Raises:
        CheckpointError: Its metrics.json is damaged.
    """
    file = Run(run).summary
    with parsing(file, "restore it, or delete it, and its training is done anew"):
        best = dict(read_json(file)["best"] or {})
        score = best.get(METRIC)
        return score if score is not None and math.isfinite(score) else None
