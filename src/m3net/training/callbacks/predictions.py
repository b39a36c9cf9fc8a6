"""Predictions as Parquet, written batch by batch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lightning.pytorch.callbacks import BasePredictionWriter
from numpy.typing import NDArray
from typing_extensions import override

from m3net.base.files import make_folder, writing
from m3net.data.dataset import RetrievalDataset
from m3net.data.taxonomy import Taxonomy
from m3net.experiments.run import Run
from m3net.training.task import M3NetTask, Prediction

_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("attribute", pa.dictionary(pa.int16(), pa.string())),
        ("vector", pa.list_(pa.float32())),
        ("probabilities", pa.list_(pa.float32())),
        ("best_class", pa.string()),
    ]
)


class PredictionWriter(BasePredictionWriter):
    """Writes one row per image and attribute; memory does not grow with the number of images.

    Columns: image (path), attribute, vector (its inner products are scores), probabilities (in the
    class order of "taxonomy" in the file's metadata), best_class. Each process writes its part;
    the folder of parts is one Parquet data set.
    """

    def __init__(self, folder: Path) -> None:
        """Write into the subfolder "predict" of a run folder."""
        super().__init__(write_interval="batch")
        self.folder = Run(folder).predictions
        self._writer: pq.ParquetWriter | None = None

    @override
    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the part of this process."""
        if isinstance(pl_module, M3NetTask):
            make_folder(self.folder)
            taxonomy = json.dumps(pl_module.retriever.taxonomy.to_plain())
            part = self.folder / f"part-{trainer.global_rank}.parquet"
            with writing(part):
                # It may be a link; a file elsewhere would be overwritten.
                part.unlink(missing_ok=True)
            self._writer = pq.ParquetWriter(part, _SCHEMA.with_metadata({"taxonomy": taxonomy}))

    @override
    def write_on_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        prediction: Prediction,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write one batch."""
        if self._writer is not None and isinstance(pl_module, M3NetTask):
            loader: Any = trainer.predict_dataloaders
            dataset: RetrievalDataset = loader.dataset
            images = dataset.records.paths[prediction["index"].cpu().numpy()].tolist()
            self._writer.write_table(_table(images, prediction, pl_module.retriever.taxonomy))

    @override
    def on_predict_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the part; only now it is readable."""
        if self._writer is not None:
            self._writer.close()


def _table(images: list[str], prediction: Prediction, taxonomy: Taxonomy) -> pa.Table:
    """Lay a batch out as rows: all images of the first attribute, then of the second ..."""
    probabilities = prediction["probabilities"].cpu().numpy()
    parts = []
    for attribute, classes, vectors in zip(
        taxonomy, taxonomy.slices, prediction["embeddings"], strict=True
    ):
        chances = probabilities[:, classes]
        columns = [
            pa.array(images),
            pa.array([attribute.name] * len(images)).dictionary_encode(),
            _lists(vectors.float().cpu().numpy()),
            _lists(chances),
            pa.array([attribute.classes[best] for best in chances.argmax(axis=1)]),
        ]
        parts.append(pa.table(columns, names=_SCHEMA.names).cast(_SCHEMA))
    return pa.concat_tables(parts)


def _lists(values: NDArray[np.float32]) -> pa.Array:
    """Turn (B, D) into B lists without a Python object per number."""
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values).ravel())
