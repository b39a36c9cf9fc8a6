"""The data sets as LightningDataModules."""

from m3net.data.datamodules.base_datamodule import BaseDataModule
from m3net.data.datamodules.catalogue import CatalogueDataModule
from m3net.data.datamodules.darn import DARNDataModule
from m3net.data.datamodules.deepfashion import DeepFashionDataModule
from m3net.data.datamodules.fashionai import FashionAIDataModule
from m3net.data.datamodules.images_datamodule import ImagesDataModule
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import RetrievalDataModule
from m3net.data.datamodules.synthetic import SyntheticDataModule

__all__ = [
    "BaseDataModule",
    "CatalogueDataModule",
    "DARNDataModule",
    "DeepFashionDataModule",
    "FashionAIDataModule",
    "ImagesDataModule",
    "LoadingConfig",
    "RetrievalDataModule",
    "SyntheticDataModule",
]
