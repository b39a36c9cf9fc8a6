"""The sample of an evaluation: which images, with which embeddings."""

import torch

from m3net.metrics import GALLERY, RetrievalMetrics


def test_images_of_the_lowest_numbers_are_taken_with_their_own_embeddings() -> None:
    metrics = RetrievalMetrics(["a", "b"], [1, 1])
    vectors = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    roles = torch.full((30, 2), GALLERY, dtype=torch.uint8)
    roles[10:, 1] = 0
    targets = torch.ones(30, 2, dtype=torch.bool)
    shuffled = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    for batch in torch.split(shuffled, 8):
        own = vectors[batch]
        metrics.update([own, own[:, :2]], targets[batch], roles[batch], batch)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    found = metrics.sample(order, 12)
    first = sorted(range(30), key=lambda image: int(order[image]))[:12]
    for name, images, width in (("a", first, 4), ("b", range(10), 2)):
        index, embeddings = found[name]
        assert sorted(index.tolist()) == sorted(images)
        assert torch.equal(embeddings, vectors[index, :width])
    metrics.reset()
    assert metrics.sample(order, 12) == {}
