"""The user's catalogue: a CSV or Parquet file and a folder of images."""

from pathlib import Path
from typing import Literal

from typing_extensions import override

from m3net.base.protocol import Protocol
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.annotations.findings import Findings
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import Contents, RetrievalDataModule
from m3net.data.splits import divide
from m3net.errors import ConfigError

LeaveOut = Literal["image", "product"]


class CatalogueDataModule(RetrievalDataModule):
    """A catalogue in one table: an image path and one column per attribute."""

    def __init__(
        self,
        file: str,
        root: str | None = None,
        columns: CatalogueColumns = CatalogueColumns(),
        min_class_images: int = 1,
        fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
        query_fraction: float = 0.2,
        split_seed: int = 0,
        protocol: Protocol = "single",
        leave_out: LeaveOut = "image",
        loading: LoadingConfig = LoadingConfig(),
    ) -> None:
        """Save the settings.

        Args:
            file: The table, CSV or Parquet.
            root: Folder that image paths are relative to; by default the folder of the table.
            columns: Which column holds what.
            min_class_images: Classes with fewer images are left out of the taxonomy, and their
                images count as not annotated for the attribute; each is reported.
            fractions: Shares of train, val and test, where the table has no splits.
            query_fraction: Share of queries in val and test, where the table has no roles; the
                others are the gallery.
            split_seed: Seed of the division.
            protocol: What a query is: single, an image, to which images that share any class are
                relevant; multi, an image and one of its classes.
            leave_out: What a query's ranking leaves out: image, the query itself; product, all
                images of its product, which are too easy to find.
            loading: How images become batches.

        Raises:
            ConfigError: Products are left out, but no column names them.
        """
        if leave_out == "product" and columns.item is None:
            raise ConfigError(
                "data.leave_out=product needs the column that names the products: set "
                "data.columns.item, or data.leave_out=image."
            )
        super().__init__(loading, protocol)
        self.file, self.columns = Path(file), columns
        self.root = Path(root) if root is not None else self.file.parent
        self.min_class_images = min_class_images
        self.fractions, self.query_fraction, self.split_seed = fractions, query_fraction, split_seed
        self.leave_out = leave_out

    @override
    def expected_files(self) -> list[Path]:
        """Return the table."""
        return [self.file]

    @override
    def read(self, findings: Findings) -> Contents:
        """Read the table and divide its images."""
        catalogue = read_catalogue(self.file, self.columns, self.min_class_images)
        if self.leave_out == "product":
            catalogue = catalogue.by_product()
        splits = divide(catalogue, self.fractions, self.split_seed, self.query_fraction)
        findings.notes += catalogue.notes
        return Contents(catalogue.taxonomy, splits, self.file_reader(self.root), self.root)
