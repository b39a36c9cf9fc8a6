"""Photos without labels, to predict on."""

from pathlib import Path

from torch.utils.data import DataLoader
from typing_extensions import override

from m3net.data.batch import Batch
from m3net.data.datamodules.base_datamodule import BaseDataModule, check_size
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.photos.listing import list_images
from m3net.data.records import Records


class ImagesDataModule(BaseDataModule):
    """The images of a folder, or of a list."""

    def __init__(self, images: str, loading: LoadingConfig = LoadingConfig()) -> None:
        """List the images.

        Args:
            images: A folder, searched with its subfolders, or a text file with one path per line.
            loading: How images become batches.
        """
        super().__init__(loading)
        self.paths = list_images(Path(images))

    @override
    def setup(self, stage: str) -> None:
        """Check that each process gets images."""
        self.records = Records.unlabelled(self.paths)
        _, world_size = self.rank()
        check_size("predict", self.records, world_size, "use fewer processes (trainer.devices)")

    @override
    def predict_dataloader(self) -> DataLoader[Batch]:
        """Load the images in order, each once over all processes."""
        return self.ordered_loader(self.records, self.file_reader(Path()))
