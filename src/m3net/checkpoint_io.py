"""Checkpoints that are whole or not there."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from m3net.files import replacing, writing


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's way to read and write checkpoints, but none is ever seen half written."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: _PATH,
        storage_options: Any = None,  # noqa: ANN401 - Lightning's signature
    ) -> None:
        """Write a checkpoint; one of the same name stays until the new one is on the disk.

        Args:
            checkpoint: Its contents.
            path: The file.
            storage_options: Not used.

        Raises:
            OutputError: The disk is full, or the folder must not be written to.
        """
        del storage_options
        file, buffer = Path(path), io.BytesIO()
        # Through memory, since torch's own writer hides what the system says of a full disk.
        torch.save(checkpoint, buffer)
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            part.write_bytes(buffer.getbuffer())
