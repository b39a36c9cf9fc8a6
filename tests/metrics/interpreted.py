"""Hold the kernel of the device ranking, which Triton interprets here, to the plain ranking.

A process of its own (`python -m tests.metrics.interpreted`): Triton reads TRITON_INTERPRET when the
kernel is imported.
"""

from itertools import product

import torch

from m3net.metrics import Images, QueryResults
from m3net.metrics.ranking import device
from m3net.metrics.ranking.device import DeviceRanking
from m3net.metrics.ranking.plain import rank_plainly
from m3net.protocol import Protocol
from tests.metrics.test_fast import draw, values

CUTOFFS = (1, 5, 100)


def left_to_plain(queries: Images, gallery: Images, protocol: Protocol, top_k: int) -> int:
    """Compare both rankings, and give how many rows the kernel left."""
    gallery = gallery.select(gallery.index.argsort())
    plain = QueryResults.concatenate(list(rank_plainly(queries, gallery, protocol, CUTOFFS, top_k)))
    ranking = DeviceRanking(queries, gallery, protocol, CUTOFFS, top_k)
    ours, theirs = values(ranking.rank(block_size=3)), values(plain)
    assert tuple(ours) == tuple(theirs)
    for name, own in ours.items():
        atol = 1e-12 if own.dtype == torch.float64 else 0
        torch.testing.assert_close(own, theirs[name], rtol=0, atol=atol)
    return int(ranking.skewed.sum())


def far_away() -> Images:
    """Two clusters of scores, of which a bin of equal width takes all of one."""
    images = draw(3, 90, 2)
    images.embeddings[1:] = images.embeddings[1:] * 1e-6 + 1
    images.embeddings[40] = -1
    return images


def main() -> None:
    """Compare, and say of how many rows each case left to the plain ranking."""
    device.BINS, device._TILE, device._NODES, device._MARGIN = 64, 64, 32, 16
    queries: dict[str, Images] = {
        "drawn": draw(1, 70, 3),
        "tied": draw(1, 60, 3, step=0.5, products=30),
        "products": draw(2, 40, 3, products=4),
        "equal": draw(1, 75, 3, different=1),
        "far": far_away(),
        "one": draw(1, 1, 3),
    }
    protocols: tuple[Protocol, ...] = ("single", "multi")
    for (name, images), protocol in product(queries.items(), protocols):
        asking = images.select(torch.arange(min(len(images), 3)))
        top_k = 0 if name == "drawn" and protocol == "multi" else 50
        print(name, protocol, left_to_plain(asking, images, protocol, top_k))  # noqa: T201
    others, images = draw(7, 4, 3), draw(8, 60, 3)
    images.targets[:, 2] = False
    others.targets[0], others.targets[1] = False, True
    print("others", left_to_plain(others, images, "multi", 7))  # noqa: T201


if __name__ == "__main__":
    main()
