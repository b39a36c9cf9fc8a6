"""Search in a gallery is the ranking of the metrics, with the photos' names and classes."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import m3net as package
from m3net.data.photos.reader import read_image
from m3net.errors import ConfigError, ImageReadError
from m3net.serving import Gallery, Model, Photos, Views

CLASSES = ["shirt", "polo", "none"]


def views(vectors: NDArray[np.float32], seed: int) -> Views:
    chances = np.random.default_rng(seed).random((len(vectors), 3))
    columns = pd.MultiIndex.from_product([["collar"], CLASSES])
    return Views({"collar": vectors}, pd.DataFrame(chances, columns=columns))


@pytest.mark.parametrize("top_k", [1, 7, 40, 100])
def test_the_order_is_that_of_a_naive_loop_with_its_ties(top_k: int) -> None:
    """Few different whole numbers: most scores occur often, and the lower index comes first."""
    chance = np.random.default_rng(0)
    gallery, queries = (
        views(chance.integers(-2, 3, (size, 3)).astype(np.float32), size) for size in (40, 5)
    )

    def look(photos: Photos, attributes: Sequence[str]) -> Views:
        assert photos == ["five queries"]
        assert attributes == ["collar"]
        return queries

    found = Gallery(gallery, look).search(["five queries"], attribute="collar", top_k=top_k)
    rows = iter(found.itertuples(index=False))
    for query, vector in enumerate(queries.embeddings["collar"].tolist()):
        scores = [
            sum(one * other for one, other in zip(vector, own, strict=True))
            for own in gallery.embeddings["collar"].tolist()
        ]
        assert len(set(scores)) < len(scores)
        order = sorted((-score, index) for index, score in enumerate(scores))
        for rank, (_, index) in enumerate(order[:top_k], start=1):
            best = CLASSES[gallery.probabilities.to_numpy()[index].argmax()]
            asked = CLASSES[queries.probabilities.to_numpy()[query].argmax()]
            assert next(rows) == (query, rank, index, index, scores[index], best, asked)
    assert next(rows, None) is None


@pytest.fixture(scope="module")
def photos(catalogue: Path) -> list[str]:
    return sorted(str(file) for file in (catalogue.parent / "images").iterdir())[:30]


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return package.load(trained, device="cpu")


def test_scores_are_inner_products_of_the_models_vectors(model: Model, photos: list[str]) -> None:
    gallery = model.gallery(photos[5:])
    assert len(gallery) == 25
    assert gallery.images == photos[5:]
    for attribute, query in product(model.taxonomy, photos[:5]):
        found = gallery.search(query, attribute=attribute.name, top_k=25)
        vectors = model.embed([query, *photos[5:]], attribute.name).astype(np.float64)
        scores = vectors[1:] @ vectors[0]
        np.testing.assert_allclose(found["score"], scores[found["index"]], atol=1e-6)
        assert found["score"].is_monotonic_decreasing
        assert sorted(found["index"]) == list(range(25))
        assert found["image"].tolist() == [photos[5:][index] for index in found["index"]]
        chances = model.classify([query, *photos[5:]])[attribute.name].to_numpy()
        best = [attribute.classes[place] for place in chances.argmax(axis=1)]
        assert found["query_class"].tolist() == [best[0]] * 25
        assert found["best_class"].tolist() == [best[1:][index] for index in found["index"]]


def test_a_query_in_the_gallery_finds_itself(trained: Path, photos: list[str]) -> None:
    """By attribute vectors, whose length is 1: nothing is closer than the photo itself."""
    gallery = package.load(trained, device="cpu", ranking="attribute").gallery(photos)
    found = gallery.search(photos[::3], attribute="details", top_k=1)
    assert found["index"].tolist() == list(range(30))[::3]
    np.testing.assert_allclose(found["score"], 1, atol=1e-6)


def test_what_cannot_be_searched_is_refused(model: Model, photos: list[str]) -> None:
    gallery = model.gallery([read_image(photos[0], None)], attributes=["details"])
    assert gallery.search(photos[1], "details")["image"].tolist() == [0]
    with pytest.raises(ConfigError, match=r"'sleeve_length'\. Available: details"):
        gallery.search(photos[1], attribute="sleeve_length")
    with pytest.raises(ConfigError, match="top_k is 0"):
        gallery.search(photos[1], attribute="details", top_k=0)
    with pytest.raises(ImageReadError, match=r"none\.jpg"):
        gallery.search("none.jpg", attribute="details")
