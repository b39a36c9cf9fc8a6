"""DeepFashion (Category and Attribute Prediction) by index files, or by the download's split."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from typing_extensions import override

from m3net.base.protocol import Protocol
from m3net.data.annotations import deepfashion
from m3net.data.annotations.deepfashion import Classes
from m3net.data.annotations.deepfashion_tables import find_file, find_path, read_boxes
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import (
    JPEG,
    empty_splits,
    index_file,
    read_split,
    read_splits,
)
from m3net.data.annotations.published_counts import UNPUBLISHED
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import Contents, RetrievalDataModule
from m3net.data.photos.preparation import is_prepared
from m3net.data.records import Records, SplitName, Splits
from m3net.errors import ConfigError, DatasetNotFoundError

TrainList = Literal["index", "rebuilt"]


class DeepFashionDataModule(RetrievalDataModule):
    """DeepFashion: 5 attributes, which it calls types, and 1,000 classes, several per image."""

    def __init__(
        self,
        root: str = "data/deepfashion",
        annotations: str | None = None,
        layout: Literal["index", "raw"] = "index",
        protocol: Protocol = "multi",
        train_list: TrainList = "index",
        crop_margin: float | None = None,
        published: bool = True,
        loading: LoadingConfig = LoadingConfig(),
    ) -> None:
        """Save the settings.

        Args:
            root: Folder of the images, which holds img.
            annotations: Folder of the index files and of the files of the download, which may lie
                in its folders Anno, Anno_coarse and Eval; by default `root`.
            layout: "index" for the index files of the ASEN family; "raw" for the download's
                list_eval_partition.txt.
            protocol: "single": a query is an image, with its one class in the index files; "multi":
                a query is an image and one of its classes. Their scores cannot be compared.
            train_list: Index layout: "index" reads filenames_train.txt and label_train.txt;
                "rebuilt" takes all labelled images of list_attr_img.txt that are in neither val
                nor test.
            crop_margin: Crop images to their boxes, widened by this share of their size on each
                side; null takes whole images.
            published: Whether to check the counts of the published files.
            loading: How images become batches.

        Raises:
            ConfigError: The raw layout has protocol "single".
        """
        super().__init__(loading, protocol)
        if layout == "raw" and protocol == "single":
            raise ConfigError(
                "data.protocol=single needs one class per query, which only the index files name: "
                "set data.protocol=multi, or data.layout=index."
            )
        self.root = Path(root)
        self.annotations = self.root if annotations is None else Path(annotations)
        self.layout, self.train_list = layout, train_list
        self.crop_margin, self.published = crop_margin, published

    @override
    def expected_files(self) -> list[Path]:
        """Return the annotation files that `read` needs."""
        folder = self.annotations
        names = ["list_attr_cloth.txt"]
        if self.layout == "raw":
            names += ["list_attr_img.txt", "list_eval_partition.txt"]
        elif self.train_list == "rebuilt":
            names += ["list_attr_img.txt"]
        if self.crop_margin is not None:
            names += ["list_bbox.txt"]
        files = [find_path(folder, name) for name in names]
        if self.layout == "index":
            kinds = ("query", "candidate") if self.protocol == "single" else ("label",)
            train = ("filenames", "label") if self.train_list == "index" else ()
            files += [index_file(folder, kind, "train") for kind in train]
            for split in ("val", "test"):
                files += [index_file(folder, kind, split) for kind in ("filenames", *kinds)]
        return files

    @override
    def read(self, findings: Findings) -> Contents:
        """Read the annotation files."""
        taxonomy = deepfashion.numbered_classes().taxonomy
        splits = empty_splits(taxonomy)
        # The numbers of all labels are rows of the list of classes.
        with findings.part():
            classes = self._read_classes(findings)
            taxonomy, splits = classes.taxonomy, self._read_splits(classes, findings)
        if self.crop_margin is not None:
            with findings.part():
                splits = self._with_boxes(splits, findings)
        reader = self.file_reader(self.root, self.crop_margin, JPEG)
        return Contents(taxonomy, splits, reader, self.root)

    def _read_classes(self, findings: Findings) -> Classes:
        """Read the names of the classes; number them where no other file needs the names."""
        try:
            file = find_file(self.annotations, "list_attr_cloth.txt", findings)
        except DatasetNotFoundError:
            if self.layout == "raw" or self.protocol == "multi" or self.train_list == "rebuilt":
                raise
            findings.note("no list_attr_cloth.txt: the classes of DeepFashion are named by numbers")
            return deepfashion.numbered_classes()
        classes = deepfashion.read_classes(file.path, findings)
        sizes, published = classes.taxonomy.sizes, tuple(deepfashion.SIZES.values())
        if self.published and sizes != published:
            problem = f"{sizes} attributes of the types, but the published file has {published}"
            file.refuse([], problem, f"Fetch it again, {UNPUBLISHED}")
        return classes

    def _read_splits(self, classes: Classes, findings: Findings) -> Splits:
        if self.layout == "raw":
            return deepfashion.read_raw_splits(self.annotations, classes, findings)
        counts = deepfashion.SINGLE if self.protocol == "single" else deepfashion.MULTI
        published = counts if self.published else {}
        read = partial(self._read_split, classes, findings)
        return read_splits("DeepFashion", classes.taxonomy, published, findings, read)

    def _read_split(self, classes: Classes, findings: Findings, split: SplitName) -> Records:
        """Read one split from the index files."""
        if split == "train" and self.train_list == "rebuilt":
            return deepfashion.rebuild_train(self.annotations, classes, findings)
        if split != "train" and self.protocol == "multi":
            return deepfashion.read_labels(self.annotations, split, classes, findings)
        return read_split(self.annotations, classes.taxonomy, findings, split)

    def _with_boxes(self, splits: Splits, findings: Findings) -> Splits:
        """Add the box of each image."""
        if is_prepared(self.root):
            raise ConfigError(
                f"{self.root} holds small copies, but boxes are in pixels of the originals. Set "
                "data.root to the folder of the originals, or data.crop_margin to null."
            )
        train, val, test = splits.named().values()
        paths = np.concatenate([train.paths, val.paths, test.paths]).tolist()
        boxes = read_boxes(self.annotations, paths, findings)
        ends = np.cumsum([len(train), len(val)])
        parts = zip((train, val, test), np.split(boxes, ends), strict=True)
        return Splits(*(replace(part, boxes=of_part) for part, of_part in parts))
