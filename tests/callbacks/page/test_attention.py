"""Attention of each kind of network: which maps a page shows, and of which classes."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from m3net.data.class_counts import ClassCounts
from m3net.models import AsenConfig, AsenPPConfig, AsenV2Config, NetworkConfig
from m3net.models.asen_pp import LocalConfig
from m3net.reports.page.attention import collect_looks
from m3net.training.task import M3NetTask
from tests.callbacks.page.shop import TAXONOMY, thumbnails
from tests.checkpoint_files import NETWORK
from tests.page import decode

COUNTS = ClassCounts(TAXONOMY, positives=(5,) * 5, annotated=(10,) * 5)
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


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_those_that_the_network_has(name: str) -> None:
    network, of_attribute, of_class = NETWORKS[name]
    torch.manual_seed(0)
    task = M3NetTask(COUNTS, network, ranking="posterior")
    photos = thumbnails(20)
    looks = collect_looks(task, photos, [0, 1, 3, 4], most=3)
    assert [look.photo.name for look in looks] == ["0<x>.png", "1<x>.png", "4<x>.png"]
    batch = photos.dataset.read([0, 1, 4])["image"]
    with torch.inference_mode():
        expected = task.retriever.probabilities(task.retriever.network.eval()(batch))
    for row, (look, image) in enumerate(zip(looks, (0, 1, 4), strict=True)):
        assert [one.name for one in look.attributes] == list(TAXONOMY.names)
        for attribute, own in zip(look.attributes, TAXONOMY.slices, strict=True):
            names = photos.labels(image, attribute.name)
            assert attribute.labels == ", ".join(names)
            assert bool(attribute.source) == of_attribute
            chances = [one.probability for one in attribute.classes]
            assert chances == sorted(chances, reverse=True)
            assert chances[0] == pytest.approx(float(expected[row, own].max()), abs=1e-6)
            for one in attribute.classes:
                assert bool(one.source) == of_class
                assert one.is_label == (one.name in names)
                if one.source:
                    assert decode(one.source).size == (32, 32)


def test_without_a_query_there_is_nothing_to_look_at() -> None:
    task = M3NetTask(COUNTS, NETWORK)
    assert collect_looks(task, thumbnails(20), [], most=3) == ()
