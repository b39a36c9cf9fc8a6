"""Checkpoints that are either whole or absent."""

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH
from typing_extensions import override

from m3net.base.files import make_folder, replacing, writing
from m3net.errors import CheckpointError
from m3net.experiments.checkpoints import read_checkpoint


class WholeCheckpointIO(TorchCheckpointIO):
    """Reads and writes checkpoints for Lightning; none is ever half written.

    Lightning deletes, folders recursively, whatever a checkpoint's state calls an old checkpoint.
    Here it deletes only checkpoints in the folders of this training.
    """

    def __init__(self, folders: Collection[Path] = ()) -> None:
        """Set the folders that old checkpoints are deleted from."""
        super().__init__()
        self._folders = {folder.resolve() for folder in folders}

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; one of the same name stays until the new one is on the disk.

        Raises:
            OutputError: The disk is full, or the folder is not writable.
        """
        file, buffer = Path(path), io.BytesIO()
        # Through memory: torch's writer hides the system's error of a full disk.
        torch.save(checkpoint, buffer)
        make_folder(file.parent)
        with replacing(file) as part:
            part.write_bytes(buffer.getbuffer())

    @override
    def load_checkpoint(self, path: _PATH, *_: object, **__: object) -> dict[str, Any]:
        """Read a checkpoint; code in it is never run, whatever `weights_only` says.

        Raises:
            CheckpointError: It is damaged or not a checkpoint of this package.
        """
        return read_checkpoint(Path(path))

    @override
    def remove_checkpoint(self, path: _PATH) -> None:
        """Delete a checkpoint that a better one replaces, unless it is gone already.

        Raises:
            CheckpointError: It lies elsewhere, or is something else.
        """
        file = Path(path)
        if file.suffix != ".ckpt" or file.parent.resolve() not in self._folders or file.is_dir():
            raise CheckpointError(f"{file} is no checkpoint of this training: it is not deleted.")
        with writing(file):
            file.unlink(missing_ok=True)
