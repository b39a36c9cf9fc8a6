"""Search among photos that the network has looked at."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from m3net.errors import ConfigError
from m3net.metrics.retrieve import retrieve
from m3net.serving.photos import Name, Photos
from m3net.serving.views import Views, check_attribute


class Gallery:
    """Photos in memory, by their vectors, to search among.

    Example:
        >>> row = pd.DataFrame([[0.9, 0.1]], columns=[["collar"] * 2, ["shirt", "polo"]])
        >>> def see(photos, attributes):
        ...     vectors = np.array(photos, dtype=np.float32)[:, None]
        ...     return Views({"collar": vectors}, row.loc[[0] * len(vectors)])
        >>> gallery = Gallery(see([0.5, 3, 2, 3], ["collar"]), see)
        >>> found = gallery.search([1], attribute="collar", top_k=3)
        >>> found[["index", "score", "best_class"]]
           index  score best_class
        0      1    3.0      shirt
        1      3    3.0      shirt
        2      2    2.0      shirt
    """

    def __init__(self, views: Views, look: Callable[[Photos, Sequence[str]], Views]) -> None:
        """Take what is known of the photos.

        Args:
            views: Of the N photos.
            look: Gives as much of queries, for some attributes.
        """
        self._views, self._look = views, look

    def __len__(self) -> int:
        """Return the number of photos N."""
        return len(self._views.probabilities)

    @property
    def images(self) -> list[Name]:
        """The photos' paths; for a photo that was given in memory, its place."""
        return self._views.names

    def search(self, query: Photos, attribute: str, top_k: int = 10) -> pd.DataFrame:
        """Rank the gallery by one attribute.

        A score is that of the metrics: the inner product of two float32 vectors, summed in float64
        and rounded to float32. Of equal scores the photo with the lower index comes first. A query
        that is itself in the gallery finds itself.

        Args:
            query: One photo or several.
            attribute: What they are to be alike in.
            top_k: How many photos to give for each query, at most N.

        Returns:
            For each query, from the best on, a row for each photo that was found: `query` (place
            among the queries), `rank` (from 1), `index` (place in the gallery), `image` (its path;
            its place where it was given in memory), `score`, and the attribute's most probable
            class in the photo (`best_class`) and in the query (`query_class`).

        Raises:
            M3NetError: There is no such attribute, `top_k` is below 1, or a query cannot be read.
        """
        check_attribute(attribute, list(self._views.embeddings))
        if top_k < 1:
            raise ConfigError(f"top_k is {top_k}: set it to 1 or more.")
        asked, found = self._look(query, [attribute]), self._views
        sides = [views.embeddings[attribute] for views in (asked, found)]
        # Labels only say how good a ranking is.
        queries, gallery = ((own, np.zeros(len(own), dtype=np.int64)) for own in sides)
        num_queries, count = len(asked.probabilities), min(top_k, len(self))
        results = retrieve(*queries, *gallery, cutoffs=(), top_k=count)
        index = results.top_index.numpy().ravel()
        place = np.repeat(np.arange(num_queries), count)
        return pd.DataFrame(
            {
                "query": place,
                "rank": np.tile(np.arange(1, count + 1), num_queries),
                "index": index,
                "image": found.probabilities.index[index],
                "score": results.top_score.numpy().ravel(),
                "best_class": found.best_classes(attribute)[index],
                "query_class": asked.best_classes(attribute)[place],
            }
        )
