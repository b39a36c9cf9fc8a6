"""The ranking by definition: all scores exact, every gallery sorted whole.

It runs on any device. The other implementations are tested against it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from m3net.metrics.embedded_images import Images
from m3net.metrics.functional import average_precision, hit_rate, precision, r_precision, recall
from m3net.metrics.query_results import Criteria, QueryResults
from m3net.metrics.ranking.cpu_loops import exact_scores_of_pairs

_CHECKED_SCORES = 2**20  # scores whose rounding is checked at once
_EXACT_PAIRS = 2**12  # of images whose scores are computed exactly at once
_MOST_UNSURE = 0.01  # the share of scores above which a sharper bound is computed


def rank_by_definition(queries: Images, gallery: Images, criteria: Criteria) -> QueryResults:
    """Rank the gallery for a block of images, and evaluate their queries.

    Embeddings have float32 precision; in float64 the gallery need not be converted for each block.
    The gallery is sorted by index.
    """
    scores = exact_scores(queries.embeddings, gallery.embeddings)
    return evaluate_scores(scores, queries, gallery, criteria)


def exact_scores(queries: Tensor, gallery: Tensor) -> Tensor:
    """Return scores by definition: (q, D), (G, D) of float32 precision -> (q, G) float32.

    The last bits of a product depend on the shape of the block and on the library. Where they may
    decide the rounding to float32, the score is computed again, exactly.
    """
    ours, theirs = queries.double(), gallery.double()
    products = ours @ theirs.T
    scores = products.float()
    # A sum of D terms is off by at most D roundings of the sum of their magnitudes, and that is at
    # most |q| |g|. Twice that covers all other roundings.
    relative = ours.shape[1] * 2.0**-52
    query_errors = torch.linalg.vector_norm(ours, dim=1) * relative
    lengths = torch.linalg.vector_norm(theirs, dim=1)
    num_rows = max(_CHECKED_SCORES // max(len(theirs), 1), 1)
    for first in range(0, len(ours), num_rows):
        part = slice(first, first + num_rows)
        pairs = _unsure(products[part], query_errors[part, None] * lengths)
        if len(pairs) > _MOST_UNSURE * len(theirs) * num_rows:
            # Vectors of few numbers other than 0 have no terms at all.
            pairs = _unsure(products[part], ours[part].abs() @ theirs.abs().T * relative)
        for rows, columns in (some.T for some in torch.split(pairs, _EXACT_PAIRS)):
            vectors = (ours[part][rows], theirs[columns])
            exact = exact_scores_of_pairs(*(side.float().cpu().numpy() for side in vectors))
            scores[first + rows, columns] = torch.from_numpy(exact).to(scores.device)
    return scores


def _unsure(products: Tensor, errors: Tensor) -> Tensor:
    """Return row and column of products that errors may round to another float32: (n, 2) int64."""
    return ((products - errors).float() != (products + errors).float()).nonzero()


def evaluate_scores(
    scores: Tensor, queries: Images, gallery: Images, criteria: Criteria
) -> QueryResults:
    """Sort the gallery by its (q, G) float32 scores, and evaluate the queries of q images.

    The gallery is sorted by index. No embeddings are read.
    """
    scores = scores.masked_fill(queries.group[:, None] == gallery.group, -torch.inf)
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    if criteria.protocol == "single":
        # (q, K), (G, K) -> (q, G): the number of shared classes
        shared = queries.targets.float() @ gallery.targets.float().T
        query_class = torch.full_like(queries.index, -1)
        return _evaluate(queries.index, query_class, shared > 0, gallery, scores, order, criteria)
    rows, classes = queries.targets.nonzero(as_tuple=True)
    # Images with many classes must not use more memory than one query each.
    parts = (torch.split(column, max(len(queries), 1)) for column in (rows, classes))
    return QueryResults.concatenate(
        [
            _evaluate(
                queries.index[part],
                query_class,
                gallery.targets.T[query_class],
                gallery,
                scores[part],
                order[part],
                criteria,
            )
            for part, query_class in zip(*parts, strict=True)
        ]
    )


def _evaluate(
    query_index: Tensor,
    query_class: Tensor,
    relevant: Tensor,
    gallery: Images,
    scores: Tensor,
    order: Tensor,
    criteria: Criteria,
) -> QueryResults:
    """Evaluate the rankings of q queries.

    Args:
        query_index: (q,) int64.
        query_class: (q,) int64.
        relevant: (q, G) bool, in the order of the gallery.
        gallery: G images.
        scores: (q, G) float32, descending; -inf for images of the query's product.
        order: (q, G) int64, the gallery row of each score.
        criteria: How to evaluate the queries.
    """
    ranked = relevant.gather(1, order) & (scores != -torch.inf)
    num_relevant = ranked.sum(dim=1)
    top_k = criteria.top_k
    top_score = scores[:, :top_k]
    top_index = gallery.index[order[:, :top_k]].masked_fill(top_score == -torch.inf, -1)
    missing = (0, top_k - top_index.shape[1])
    return QueryResults(
        query_index=query_index,
        query_class=query_class,
        num_relevant=num_relevant,
        terms=_terms(ranked, num_relevant, criteria.cutoffs),
        top_index=pad(top_index, missing, value=-1),
        top_score=pad(top_score, missing, value=-torch.inf),
        top_relevant=pad(ranked[:, :top_k], missing, value=False),
    )


def _terms(ranked: Tensor, num_relevant: Tensor, cutoffs: Sequence[int]) -> dict[str, Tensor]:
    """Return the values of each metric, in the order of `metric_names`."""
    terms = {
        "map_all": average_precision(ranked, num_relevant),
        "r_precision": r_precision(ranked, num_relevant),
    }
    for k in cutoffs:
        terms |= {
            f"map_{k}": average_precision(ranked, num_relevant, k=k, by="hits"),
            f"map_{k}_by_min": average_precision(ranked, num_relevant, k=k, by="min"),
            f"recall_{k}": recall(ranked, num_relevant, k=k),
            f"hit_rate_{k}": hit_rate(ranked, k),
            f"precision_{k}": precision(ranked, k),
        }
    return terms
