"""The faults: in which file, what is wrong, the text that is replaced, and by what.

The text must occur once in its file. A fault must change what the metrics say: one that only makes
them slower, or that no caller can see, tells nothing of the tests.
"""

from typing import NamedTuple


class Fault(NamedTuple):
    """One fault.

    Attributes:
        file: Where it is, within the package of the metrics.
        what: What is wrong.
        old: The text that is replaced.
        new: The text that takes its place.
        tests: Names of the test files that are tried first, as "ranking" for `test_ranking.py`.
    """

    file: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]


def _in(file: str, tests: str, *faults: tuple[str, str, str]) -> list[Fault]:
    """Give faults of one file, each as what, old and new."""
    return [Fault(file, *fault, tuple(tests.split())) for fault in faults]


FAULTS = [
    *_in(
        "functional.py",
        "functional",
        (
            "ranks count from 2",
            "torch.arange(1, top.shape[1] + 1",
            "torch.arange(2, top.shape[1] + 2",
        ),
        ("MAP@k is divided by R", '"hits": top.sum(dim=1)', '"hits": num_relevant'),
        ("min(k, R) is R", "num_relevant.clamp(max=top.shape[1])", "num_relevant"),
        ("one rank too many counts", "return ranked[:, :k]", "return ranked[:, : k and k + 1]"),
        (
            "recall is divided by min(k, R)",
            "sum(dim=1).double() / num_relevant.clamp(min=1)\n\n\ndef precision",
            "sum(dim=1).double() / num_relevant.clamp(1, k)\n\n\ndef precision",
        ),
        (
            "precision is divided by the ranks that are filled",
            "return _top(ranked, k).sum(dim=1).double() / k",
            "return _top(ranked, k).double().mean(dim=1)",
        ),
        ("all first ranks must hit", "k).any(dim=1)", "k).all(dim=1)"),
        ("R-precision takes R + 1 ranks", "< num_relevant[:, None]", "<= num_relevant[:, None]"),
    ),
    *_in(
        "query_results.py",
        "rank scores cpu",
        ("one relevant image is none", "(self.num_relevant == 0)", "(self.num_relevant <= 1)"),
        ("two metrics change names", '("map_{}", "map_{}_by_min",', '("map_{}_by_min", "map_{}",'),
    ),
    *_in(
        "ranking/reference.py",
        "rank_exact_scores cpu streaming",
        (
            "an image ranks itself",
            "scores.masked_fill(queries.group[:, None] == gallery.group, -torch.inf)",
            "scores.clone()",
        ),
        (
            "R counts the query",
            "relevant.gather(1, order) & (scores != -torch.inf)",
            "relevant.gather(1, order)",
        ),
        (
            "ties stand in reverse",
            "scores, order = scores.sort(dim=1, descending=True, stable=True)",
            "last, order = scores.shape[1] - 1, (-scores.flip(1)).argsort(dim=1, stable=True)\n"
            "    scores, order = scores.gather(1, last - order), last - order",
        ),
        (
            "scores are summed in float32",
            "products = ours @ theirs.T",
            "products = (ours.float() @ theirs.float().T).double()",
        ),
        (
            "scores near the middle are rounded at random",
            "(products + errors).float()).nonzero()",
            "(products + errors).float()).nonzero()[:0]",
        ),
        ("one shared class is too few", "shared > 0", "shared > 1"),
    ),
    *_in(
        "ranking/cpu.py",
        "rank",
        (
            "an image ranks itself",
            "excluded_column[pairs]] = LAST",
            "excluded_column[pairs]] &= -1",
        ),
        (
            "queries of a later part end where those of the first do",
            "num_ranked[first:last]",
            "num_ranked",
        ),
        (
            "one image of the own product is left out, not all",
            'side="right") - first',
            'side="right") - first\n        count = np.minimum(count, 1)',
        ),
    ),
    *_in(
        "ranking/cpu_loops.py",
        "rank cpu rank_exact_scores",
        (
            "ranks count from 2",
            "total += float(hit + 1) / float(hits[hit] + 1)",
            "total += float(hit + 1) / float(hits[hit] + 2)",
        ),
        (
            "one rank too many counts",
            "np.searchsorted(hits, cutoffs[index])",
            'np.searchsorted(hits, cutoffs[index], side="right")',
        ),
        (
            "R-precision takes R + 1 ranks",
            "np.searchsorted(hits, len(hits))",
            'np.searchsorted(hits, len(hits), side="right")',
        ),
        (
            "ties stand in reverse",
            "run.column[slot - 1] > column",
            "run.column[slot - 1] < column",
        ),
        (
            "near ties are not looked at",
            "return bool(gap <= LOST + product.slack[image] + SPACING * abs(near))",
            "return bool(gap <= 0)",
        ),
        (
            "an image of another kind before a hit is not looked at",
            "rank > first and key",
            "rank > first + len(hits) and key",
        ),
        (
            "an imprecise product is not noticed",
            "if abs(scaled + product.negated[image, column]) > allowed:",
            "if abs(scaled + product.negated[image, column]) > allowed * 1e30:",
        ),
        (
            "of several equal keys each is taken for the only one",
            "is_last = rank == end or not _are_neighbors(order[rank + 1], key)",
            "is_last = True",
        ),
        (
            "the rounding of scores is left out of the quick question",
            "return int(LOST + product.slack[image] + SPACING * farthest) + 1",
            "return int(LOST)",
        ),
        ("the lower bits move no key", "LOST = float(2 * (LOW + 1))", "LOST = 0.0"),
        ("scores that round to one number differ", "SPACING = 2.0**-23", "SPACING = 0.0"),
        (
            "float64 sums are taken to be exact",
            "error = len(query) * 2.0**-52 * magnitude",
            "error = 0.0",
        ),
        (
            "float64 sums are taken to be off by one rounding",
            "error = len(query) * 2.0**-52 * magnitude",
            "error = 2.0**-53 * abs(total)",
        ),
        (
            "exact sums are rounded twice",
            "if rest != 0.0 and partials",
            "if rest > rest and partials",
        ),
        ("small parts of exact sums are lost", "if low != 0.0:", "if abs(low) > 1e-18:"),
        (
            "the last class is not asked for",
            "range(queries.bounds[query], queries.bounds[query + 1])",
            "range(queries.bounds[query], queries.bounds[query + 1] - 1)",
        ),
        (
            "a second label of an image reads the bit of the first",
            "np.int32(1) << np.int32(queries.bit[query])",
            "np.int32(1)",
        ),
        (
            "the second of two equal keys has the column of the first",
            "begin = columns[rank - 1 - start] + 1",
            "begin = columns[rank - 1 - start]",
        ),
    ),
    *_in(
        "ranking/radix_sort.py",
        "radix_sort",
        ("a digit is not sorted by", "_PASSES = 3", "_PASSES = 1"),
        ("bits of columns are sorted by", "UNSORTED = 5", "UNSORTED = 4"),
    ),
    *_in(
        "ranking/cpu_queries.py",
        "cpu",
        ("MAP@k is divided by R", "total / np.maximum(hits, 1)", "total / one_or_count"),
        ("min(k, R) is R", "total / np.clip(count, 1, k)", "total / one_or_count"),
    ),
    *_in(
        "ranking/cpu_product.py",
        "rank_exact_scores",
        (
            "the product is one in float32",
            "scaled @ gallery[tile].astype(np.float64).T",
            "scaled.astype(np.float32) @ gallery[tile].T",
        ),
        (
            "subnormal scores differ like others",
            "np.minimum(_QUANTUM * scale, 2.0**32)",
            "0 * scale",
        ),
    ),
    *_in(
        "ranking/cpu_queries.py",
        "rank retrieve_protocols",
        (
            "an image asks for the next one's classes",
            "np.searchsorted(rows, np.arange(len(targets) + 1))",
            'np.searchsorted(rows, np.arange(len(targets) + 1), side="right")',
        ),
        (
            "a label asks for its neighbour",
            "classes[first : first + len(targets)])",
            "classes[first : first + len(targets)][::-1])",
        ),
    ),
    *_in(
        "ranking/rank.py",
        "rank",
        ("ties stand in row order", "(gallery.index.diff() < 0).any()", "len(gallery) < 0"),
    ),
    *_in(
        "query_results.py",
        "scores rank",
        (
            "all queries without relevant images are left out",
            'if without_relevant == "skip" else 0',
            "",
        ),
        ("none of them is left out", 'if without_relevant == "skip" else 0', "* 0"),
    ),
    *_in(
        "scores.py",
        "scores",
        (
            "the mean over queries is one over attributes",
            "values=total.means(without_relevant),",
            "values={name: fmean([part.means(without_relevant)[name] for part in sums"
            " if part.num_queries] or [nan]) for name in total.terms},",
        ),
        (
            "attributes without queries count as 0",
            "fmean(values) if values else nan",
            "sum(values) / len(rows) if values else nan",
        ),
    ),
    *_in(
        "scores.py",
        "query_results_retrieved_classes",
        (
            "ends of lists are image 0",
            "classes[images.clamp(min=0)] & is_listed[:, None]",
            "classes[images.clamp(min=0)]",
        ),
        (
            "a list counts as one image",
            "listed += is_listed",
            "listed += is_listed & (listed == 0)",
        ),
    ),
    *_in(
        "distributed/exchange.py",
        "attribute_retrieval metrics",
        (
            "images that occur again count again",
            "is_first[1:] = ~is_repeated",
            "is_first[1:] = True",
        ),
        (
            "the last of them counts",
            "index, order = ids[:, 0].sort(stable=True)",
            "index, order = ids[:, 0].flip(0).sort(stable=True)\n"
            "    order = len(order) - 1 - order",
        ),
    ),
    *_in(
        "distributed/shares.py",
        "attribute_retrieval",
        ("the gallery asks", "exchange.share(queries)", "exchange.share(gallery)"),
    ),
    *_in(
        "distributed/exchange.py",
        "attribute_retrieval metrics",
        ("images of two roles have none", "(self.roles & role) != 0", "self.roles == role"),
        (
            "embeddings stay in the order of their owners",
            "embeddings[by_owner] =",
            "embeddings[:] =",
        ),
    ),
]
