"""Compare the GPU kernel with the reference, on a GPU or by Triton's interpreter.

Run as `python -m tests.unit.metrics.interpreted` in a process of its own: Triton reads
TRITON_INTERPRET when it is imported. Prints for each case how many rows were ranked by definition.
"""

from collections.abc import Iterator
from itertools import product

import torch

from m3net.base.protocol import Protocol
from m3net.metrics import Images
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking import gpu
from m3net.metrics.ranking.gpu import GpuRanking
from m3net.metrics.ranking.reference import rank_by_definition
from tests.unit.metrics.adversarial import draw_hard
from tests.unit.metrics.ranking.test_cpu import draw, values

CUTOFFS = (1, 5, 100)
WHERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PROTOCOLS: tuple[Protocol, ...] = ("single", "multi")
HARD = ("constant", "an_ulp_apart", "halfway", "huge", "tiny", "subnormal", "mixed_scales")


def left_to_reference(
    queries: Images, gallery: Images, protocol: Protocol, top_k: int, block_size: int
) -> int:
    """Compare both rankings, and return how many rows the kernel skipped."""
    queries, gallery = moved(queries), moved(gallery)
    criteria = Criteria(protocol, CUTOFFS, top_k)
    ranking = GpuRanking(queries, gallery, criteria)
    ours = values(ranking.rank(block_size))
    gallery = gallery.select(gallery.index.argsort())
    plain = rank_by_definition(queries, gallery, criteria)
    theirs = values(plain)
    assert tuple(ours) == tuple(theirs)
    for name, own in ours.items():
        atol = 1e-12 if own.dtype == torch.float64 else 0
        torch.testing.assert_close(own, theirs[name], rtol=0, atol=atol, msg=name)
    return int(ranking.skewed.sum())


def moved(images: Images) -> Images:
    """Move images to the device of the kernel."""
    return Images(
        images.embeddings.to(WHERE),
        images.targets.to(WHERE),
        images.index.to(WHERE),
        None if images.product is None else images.product.to(WHERE),
    )


def far_away() -> Images:
    """Draw images in two clusters of scores, one of which falls into one bin."""
    images = draw(3, 90, 2)
    images.embeddings[1:] = images.embeddings[1:] * 1e-6 + 1
    images.embeddings[40] = -1
    return images


def drawn_cases() -> Iterator[tuple[str, int]]:
    """Rank galleries for their first images."""
    galleries: dict[str, Images] = {
        "drawn": draw(1, 70, 3),
        "tied": draw(1, 60, 3, step=0.5, products=30),
        "products": draw(2, 40, 3, products=4),
        "equal": draw(1, 75, 3, different=1),
        "far": far_away(),
        "one": draw(1, 1, 3),
    }
    for (name, images), protocol in product(galleries.items(), PROTOCOLS):
        asking = images.select(torch.arange(min(len(images), 3)))
        top_k = 0 if name == "drawn" and protocol == "multi" else 50
        yield f"{name} {protocol}", left_to_reference(asking, images, protocol, top_k, block_size=3)


def hard_cases() -> Iterator[tuple[str, int]]:
    """Rank embeddings whose scores are subnormal, nearly equal or hard to compute."""
    for family in HARD:
        asking, listed = draw_hard(family, "ternary", 33, gallery=40)
        yield f"hard {family}", left_to_reference(asking, listed, "multi", 40, block_size=3)


def others() -> tuple[Images, Images]:
    """Return queries outside their gallery: of all classes, of none, of one without members.

    They have more labels than their gallery has images, and the last two are in it.
    """
    gallery, asking = draw(7, 60, 3), draw(8, 6, 3)
    asking.targets[0], asking.targets[1] = False, True
    gallery.targets[:, 2] = False
    asking.index[-2:] = gallery.index[:2]
    return asking, gallery


def main() -> None:
    """Compare, in programs of few bins and small tiles, which even small galleries fill."""
    usual = gpu.BINS, gpu.LONGEST, gpu._TILE, gpu._NODES, gpu._MARGIN
    gpu.BINS, gpu.LONGEST, gpu._TILE, gpu._NODES, gpu._MARGIN = 64, 20, 64, 32, 16
    for name, left in (*drawn_cases(), *hard_cases()):
        print(name, left)  # noqa: T201 - the test reads it
    asked: tuple[tuple[Protocol, int], ...] = (("single", 4), ("multi", 1), ("multi", 6))
    for protocol, block_size in asked:
        name = f"others {protocol} by {block_size}"
        print(name, left_to_reference(*others(), protocol, 7, block_size))  # noqa: T201 - the test reads it
    gpu.BINS, gpu.LONGEST, gpu._TILE, gpu._NODES, gpu._MARGIN = usual
    images = draw(9, 1100, 3, step=0.1)
    asking = images.select(torch.arange(2))
    print("usual sizes", left_to_reference(asking, images, "multi", 5, 2))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
