"""Attention of each kind of network: which maps there are, and of which classes."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from m3net.models import AsenConfig, AsenPPConfig, AsenV2Config, NetworkConfig
from m3net.models.asen_pp import LocalConfig
from m3net.models.retriever import Retriever
from m3net.reports.attention_pictures import look_at_queries, overlay
from tests.support.checkpoint_files import NETWORK
from tests.unit.reports.shop import TAXONOMY, album_of

# Whether there is a map of the attribute, and whether of each class.
TINY: dict[str, Any] = {"backbone": "test_resnet", "pretrained": False, "attention_dim": 4}
LOCAL = LocalConfig("test_resnet", size=32)
NETWORKS: dict[str, tuple[NetworkConfig, bool, bool]] = {
    "m3net": (NETWORK, True, True),
    "m3net_a": (replace(NETWORK, class_attention=False), True, False),
    "m3net_c": (replace(NETWORK, attribute_attention=False), False, True),
    "asen": (AsenConfig(**TINY, embedding_dim=4), True, False),
    "asen_v2": (AsenV2Config(**TINY), True, False),
    "asen_pp": (AsenPPConfig(**TINY, embedding_dim=4, local=LOCAL), True, False),
}


def retriever_of(network: NetworkConfig) -> Retriever:
    return Retriever(network.build(TAXONOMY.sizes), TAXONOMY, torch.ones(5), "posterior")


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_those_that_the_network_has(name: str) -> None:
    network, of_attribute, of_class = NETWORKS[name]
    torch.manual_seed(0)
    retriever, album = retriever_of(network), album_of(20)
    photos = look_at_queries(retriever, album.dataset, [0, 1, 3, 4], most=3)
    assert [photo.image for photo in photos] == [0, 1, 4]
    batch = album.dataset.read([0, 1, 4])["image"]
    with torch.inference_mode():
        expected = retriever.probabilities(retriever.network.eval()(batch))
    for row, photo in enumerate(photos):
        assert photo.pixels.shape == (32, 32, 3)
        assert (photo.pixels == batch[row].permute(1, 2, 0).numpy()).all()
        assert [one.name for one in photo.attributes] == list(TAXONOMY.names)
        for attribute, own in zip(photo.attributes, TAXONOMY.slices, strict=True):
            names = album.labels(photo.image, attribute.name)
            assert (attribute.map is not None) == of_attribute
            chances = [one.probability for one in attribute.classes]
            assert chances == sorted(chances, reverse=True)
            assert chances[0] == pytest.approx(float(expected[row, own].max()), abs=1e-6)
            for one in attribute.classes:
                assert (one.map is not None) == of_class
                assert one.is_label == (one.name in names)
                if one.map is not None:
                    assert overlay(photo.pixels, one.map).shape == (32, 32, 3)


def test_without_a_query_there_is_nothing_to_look_at() -> None:
    assert look_at_queries(retriever_of(NETWORK), album_of(20).dataset, [], most=3) == []
