"""What a checkpoint of a tiny network holds."""

from functools import cache
from typing import Any

from m3net.data.class_counts import ClassCounts
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.models import M3NetConfig
from m3net.training.task import M3NetTask

TAXONOMY = Taxonomy(
    (Attribute("sleeve", ("short", "long")), Attribute("details", ("zip", "bow"), multi_label=True))
)
NETWORK = M3NetConfig(
    backbone="test_resnet",
    pretrained=False,
    attention_dim=4,
    value_dim=4,
    class_dim=4,
)


@cache
def tiny_task() -> M3NetTask:
    counts = ClassCounts(TAXONOMY, positives=(5, 5, 3, 3), annotated=(10, 10, 10, 10))
    return M3NetTask(counts, NETWORK)


def contents(step: int = 3, **more: object) -> dict[str, Any]:
    """Give the entries that each checkpoint has, and others."""
    task = tiny_task()
    about = {"hyper_parameters": dict(task.hparams), "state_dict": task.state_dict()}
    return {**about, "global_step": step, **more}
