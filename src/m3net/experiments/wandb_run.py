"""Which W&B run a run folder has, and how it is started: offline without a login, with few words.

The folder keeps the id of its W&B run, so that whatever goes on in it, or goes on from its
checkpoint, goes on in the same W&B run.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any

from m3net.base.files import write_text
from m3net.boundary.parsing import parsing
from m3net.boundary.regular_file import read_text
from m3net.errors import CheckpointError
from m3net.experiments.run import Run

_log = logging.getLogger(__name__)


def init_choices(folder: Path) -> dict[str, Any]:
    """Return arguments of `wandb.init`; None for those that environment variables set.

    Args:
        folder: The run folder.

    Raises:
        CheckpointError: It keeps settings of W&B, which may send a login to somebody else's server.
    """
    if (folder / "wandb" / "settings").exists():
        raise CheckpointError(
            f"{folder / 'wandb' / 'settings'} would tell Weights & Biases which server to log in "
            "to, and no training writes it: remove it."
        )
    known = _known_id(folder)
    choices = {
        "project": ("WANDB_PROJECT", "m3net"),
        "dir": ("WANDB_DIR", str(folder)),
        "id": ("WANDB_RUN_ID", known),
        "resume": ("WANDB_RESUME", "allow"),
        "mode": ("WANDB_MODE", _mode()),
    }
    if known is None:
        choices["name"] = ("WANDB_NAME", "/".join(folder.absolute().parts[-2:]))
    settings = {"console": "off", "save_code": False, "quiet": True}
    own = {key: None if name in os.environ else value for key, (name, value) in choices.items()}
    free = {key: settings[key] for key in settings if f"WANDB_{key.upper()}" not in os.environ}
    return own | {"settings": free}


def write_id(folder: Path, run_id: str) -> None:
    """Keep the id of a folder's W&B run."""
    write_text(Run(folder).wandb_id, f"{run_id}\n")


def keep_run(before: Path, folder: Path) -> None:
    """Let a training that goes on from another run's checkpoint go on in its W&B run as well.

    Args:
        before: The run folder of the other.
        folder: The run folder of the training.
    """
    known = _known_id(before)
    if known is not None:
        write_id(folder, known)


def _known_id(folder: Path) -> str | None:
    """Return the id that a run folder keeps, if it keeps one.

    Raises:
        CheckpointError: It keeps something else.
    """
    file = Run(folder).wandb_id
    if not file.is_file():
        return None
    with parsing(file, "delete it, and the training gets a new W&B run"):
        known = read_text(file, most=1000).strip()
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", known):
            raise ValueError("no id")
        return known


def _mode() -> str | None:
    """Choose offline where there is no login, since a question would stop a batch job."""
    import wandb

    if "WANDB_MODE" in os.environ or wandb.setup().settings.mode != "online":
        return None
    if wandb.login(prompt=False, verify=False):
        return None
    _log.info(
        "there is no login to Weights & Biases, so this run is logged offline. To send it: "
        "'wandb login', then 'wandb sync FOLDER' with the folder that is named below."
    )
    return "offline"
