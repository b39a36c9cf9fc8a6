"""The catalogue of drawn garments, which needs no files."""

from pathlib import Path

from typing_extensions import override

from m3net.data.annotations.catalogue import Catalogue
from m3net.data.annotations.findings import Findings
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import Contents, RetrievalDataModule
from m3net.data.splits import divide
from m3net.data.synthetic import TAXONOMY, SyntheticReader, synthetic_records
from m3net.errors import ConfigError

_MOST_IMAGES = 1_000_000
_MOST_SIDE = 4096


class SyntheticDataModule(RetrievalDataModule):
    """Garments drawn while they are loaded; the same seed draws the same pixels."""

    def __init__(
        self,
        num_images: int = 4000,
        drawn_size: int = 112,
        seed: int = 0,
        fractions: tuple[float, float, float] = (0.7, 0.1, 0.2),
        query_fraction: float = 0.2,
        split_seed: int = 0,
        loading: LoadingConfig = LoadingConfig(),
    ) -> None:
        """Save the settings.

        Args:
            num_images: Garments in all splits together.
            drawn_size: Height and width of the drawn pictures in pixels.
            seed: Seed of the garments.
            fractions: Shares of train, val and test.
            query_fraction: Share of queries in val and test; the others are the gallery.
            split_seed: Seed of the division.
            loading: How images become batches.

        Raises:
            ConfigError: A number is out of range.
        """
        super().__init__(loading)
        if not 1 <= num_images <= _MOST_IMAGES or not 1 <= drawn_size <= _MOST_SIDE:
            raise ConfigError(
                f"data.num_images must be from 1 to {_MOST_IMAGES:,}, data.drawn_size from 1 to "
                f"{_MOST_SIDE:,}."
            )
        self.num_images, self.drawn_size, self.seed = num_images, drawn_size, seed
        self.fractions, self.query_fraction, self.split_seed = fractions, query_fraction, split_seed

    @override
    def read(self, findings: Findings) -> Contents:
        """Draw the labels of each garment; its pixels are drawn when it is loaded."""
        records = synthetic_records(self.num_images, self.seed)
        catalogue = Catalogue(
            TAXONOMY, records, split=None, items=records.paths, file=Path("synthetic")
        )
        splits = divide(catalogue, self.fractions, self.split_seed, self.query_fraction)
        return Contents(TAXONOMY, splits, SyntheticReader(self.seed, self.drawn_size))
