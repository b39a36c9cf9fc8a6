"""DARN by the index files of the ASEN family."""

from functools import partial
from pathlib import Path

from typing_extensions import override

from m3net.data.annotations.darn import PUBLISHED, numbered_taxonomy, read_names
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import JPEG, index_files, read_split, read_splits
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import Contents, Missing, RetrievalDataModule


class DARNDataModule(RetrievalDataModule):
    """DARN: 9 attributes of clothes from shops and customers, 185 classes."""

    def __init__(
        self,
        root: str = "data/darn",
        annotations: str | None = None,
        names_file: str | None = None,
        missing: Missing = "error",
        published: bool = True,
        loading: LoadingConfig = LoadingConfig(),
    ) -> None:
        """Save the settings.

        Args:
            root: Folder of the images, which holds pic.
            annotations: Folder of the index files; by default `root`.
            names_file: JSON with the names of each attribute's classes; by default they are
                numbers.
            missing: What to do about missing images, since many links are dead: error refuses to
                start; drop leaves them out of all splits and logs how many.
            published: Whether to check the counts of the published files.
            loading: How images become batches.
        """
        super().__init__(loading)
        self.root = Path(root)
        self.annotations = self.root if annotations is None else Path(annotations)
        self.names_file = None if names_file is None else Path(names_file)
        self.missing, self.published = missing, published

    @override
    def expected_files(self) -> list[Path]:
        """Return the annotation files that `read` needs."""
        named = [] if self.names_file is None else [self.names_file]
        return [*named, *index_files(self.annotations)]

    @override
    def read(self, findings: Findings) -> Contents:
        """Read the annotation files."""
        taxonomy = numbered_taxonomy()
        if self.names_file is not None:
            with findings.part():
                taxonomy = read_names(self.names_file)
        counts = PUBLISHED if self.published else {}
        read = partial(read_split, self.annotations, taxonomy, findings)
        splits = read_splits("DARN", taxonomy, counts, findings, read)
        return Contents(taxonomy, splits, self.file_reader(self.root, formats=JPEG), self.root)
