"""Checkpoints that are whole or not there, and nothing but checkpoints."""

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH
from typing_extensions import override

from m3net.base.files import replacing, writing
from m3net.errors import CheckpointError
from m3net.experiments.checkpoints import read_checkpoint


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's way to read and write checkpoints, but none is ever seen half written.

    Lightning deletes, folders recursively, whatever the state in a checkpoint calls an old one;
    here only checkpoints that lie in its own folders are.
    """

    def __init__(self, folders: Collection[Path] = ()) -> None:
        """Take the folders that old checkpoints are deleted from."""
        super().__init__()
        self._folders = {folder.resolve() for folder in folders}

    @override
    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: _PATH,
        storage_options: Any = None,
    ) -> None:
        """Write a checkpoint; one of the same name stays until the new one is on the disk.

        Raises:
            OutputError: The disk is full, or the folder must not be written to.
        """
        file, buffer = Path(path), io.BytesIO()
        # Through memory, since torch's own writer hides what the system says of a full disk.
        torch.save(checkpoint, buffer)
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            part.write_bytes(buffer.getbuffer())

    def load_checkpoint(self, path: _PATH, *_: object, **__: object) -> dict[str, Any]:
        """Read a checkpoint, whatever Lightning was told about code in it.

        Raises:
            CheckpointError: It is damaged or not a checkpoint of this package.
        """
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: _PATH) -> None:
        """Delete a checkpoint that a better one replaces; one that is gone already is none.

        Raises:
            CheckpointError: It lies elsewhere, or is something else.
        """
        file = Path(path)
        if file.suffix != ".ckpt" or file.parent.resolve() not in self._folders or file.is_dir():
            raise CheckpointError(f"{file} is no checkpoint of this training: it is not deleted.")
        with writing(file):
            file.unlink(missing_ok=True)
