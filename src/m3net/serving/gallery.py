"""Search among photos by their vectors."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m3net.errors import ConfigError
from m3net.metrics.retrieve import retrieve
from m3net.serving.photos import Name, Photos
from m3net.serving.views import Views, check_attribute


class Gallery:
    """Vectors and class probabilities of photos, to search among.

    Example:
        >>> row = pd.DataFrame([[0.9, 0.1]], columns=[["collar"] * 2, ["shirt", "polo"]])
        >>> def see(photos, attributes):
        ...     vectors = np.array(photos, dtype=np.float32)[:, None]
        ...     return Views({"collar": vectors}, row.loc[[0] * len(vectors)])
        >>> gallery = Gallery(see([0.5, 3, 2, 3], ["collar"]), see)
        >>> hits = gallery.search([1], attribute="collar", top_k=3)
        >>> hits[["index", "score", "best_class"]]
           index  score best_class
        0      1    3.0      shirt
        1      3    3.0      shirt
        2      2    2.0      shirt
    """

    def __init__(self, views: Views, look: Callable[[Photos, Sequence[str]], Views]) -> None:
        """Search among N photos.

        Args:
            views: Of the photos.
            look: Computes the views of queries, for some attributes.
        """
        self._views, self._look = views, look

    def __len__(self) -> int:
        """Return the number of photos N."""
        return len(self._views.probabilities)

    @property
    def images(self) -> list[Name]:
        """The photos' paths; for a photo in memory, its index among the photos."""
        return self._views.names

    def search(self, query: Photos, attribute: str, top_k: int = 10) -> pd.DataFrame:
        """Rank the gallery by one attribute.

        A score is that of the metrics: the inner product of two float32 vectors, summed in float64
        and rounded to float32. Of equal scores the photo with the lower index comes first. A query
        that is in the gallery finds itself.

        Args:
            query: One photo or several.
            attribute: The attribute to compare.
            top_k: How many photos to return for each query, at most N.

        Returns:
            For each query a row for each photo, the best first: `query` (index among the queries),
            `rank` (from 1), `index` (in the gallery), `image` (its path; for a photo in memory, its
            index), `score`, and the attribute's most probable class in the photo (`best_class`) and
            in the query (`query_class`).

        Raises:
            M3NetError: The attribute is unknown, `top_k` is below 1, or a query cannot be read.
        """
        check_attribute(attribute, list(self._views.embeddings))
        if top_k < 1:
            raise ConfigError(f"top_k is {top_k}: set it to 1 or more.")
        queries, gallery = self._look(query, [attribute]), self._views
        count = min(top_k, len(self))
        results = retrieve(
            queries.embeddings[attribute],
            _no_labels(queries),
            gallery.embeddings[attribute],
            _no_labels(gallery),
            cutoffs=(),
            top_k=count,
        )
        index = results.top_index.numpy().ravel()
        query_index = np.repeat(np.arange(len(results.top_index)), count)
        return pd.DataFrame(
            {
                "query": query_index,
                "rank": np.tile(np.arange(1, count + 1), len(results.top_index)),
                "index": index,
                "image": gallery.probabilities.index[index],
                "score": results.top_score.numpy().ravel(),
                "best_class": gallery.best_classes(attribute)[index],
                "query_class": queries.best_classes(attribute)[query_index],
            }
        )


def _no_labels(views: Views) -> NDArray[np.int64]:
    """Return one label for all photos: labels only decide which photos are relevant."""
    return np.zeros(len(views.probabilities), dtype=np.int64)
