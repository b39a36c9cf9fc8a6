"""The data sets as Lightning loads them."""

from m3net.data.datamodules.base import RetrievalDataModule
from m3net.data.datamodules.catalogue import CatalogueDataModule
from m3net.data.datamodules.darn import DARNDataModule
from m3net.data.datamodules.deepfashion import DeepFashionDataModule
from m3net.data.datamodules.fashionai import FashionAIDataModule
from m3net.data.datamodules.images import ImagesDataModule
from m3net.data.datamodules.loading import BaseDataModule, LoadingConfig
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
