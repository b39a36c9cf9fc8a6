"""What a W&B run wrote: its .wandb file, a LevelDB log of protobuf records, read back."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # generated

_BLOCK, _HEADER = 32768, 7


class WrittenRun:
    """All records of one run folder that wandb made.

    Attributes:
        id: The run's id.
        name: The run's name.
        project: The run's project.
        config: All that the configuration was set to.
        history: What was logged, one dict per call.
        summary: The last value of each key of the summary.
        artifacts: The names of artifacts, and the places of the files in them.
    """

    def __init__(self, folder: Path) -> None:
        [file] = folder.glob("run-*.wandb")
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.artifacts: dict[str, list[Path]] = {}
        for record in map(Record.FromString, _records(file.read_bytes())):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.id, self.name = record.run.run_id, record.run.display_name
                self.project = record.run.project
                self._configure(record.run.config)
            elif kind == "config":
                self._configure(record.config)
            elif kind == "history":
                self.history.append(_values(record.history.item))
            elif kind == "summary":
                self.summary |= _values(record.summary.update)
            elif kind == "artifact":
                contents = record.artifact.manifest.contents
                self.artifacts[record.artifact.name] = [Path(own.local_path) for own in contents]

    def _configure(self, record: Any) -> None:  # noqa: ANN401 - generated
        self.config |= _values(record.update)
        self.config.pop("_wandb", None)

    def logged(self, name: str) -> list[Any]:
        """Give all values that were logged under a name, in their order."""
        return [own[name] for own in self.history if name in own]


def _values(items: Any) -> dict[str, Any]:  # noqa: ANN401 - generated
    return {"/".join(own.nested_key) or own.key: json.loads(own.value_json) for own in items}


def _records(content: bytes) -> Iterator[bytes]:
    """Join the pieces of each record: a log is made of blocks that no piece goes beyond."""
    whole, place = b"", _HEADER
    while place + _HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:
            place += left
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        piece = content[place + _HEADER : place + _HEADER + size]
        place += _HEADER + size
        whole = piece if kind in (1, 2) else whole + piece
        if kind in (1, 4):
            yield whole
