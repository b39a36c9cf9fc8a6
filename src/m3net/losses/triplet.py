"""Class level, instance view: images of a class closer to each other than to images without it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# The direction of shorter representations is noise. Their cosine shrinks to zero, which also bounds
# its gradient by 1 / SHORTEST.
SHORTEST = 1e-4


@dataclass(frozen=True)
class Anchors:
    """Every (image, class) pair of a batch in which the image carries the class: L anchors.

    An image is represented under a class by the vector of that class, or by the one of its
    attribute where a network has no others.

    Attributes:
        image: (L,) int64, index of the anchor's image in the batch.
        class_id: (L,) int64, the anchor's class m.
        phi: (L, D) float32, unit vector: the image's representation under class m.
        scores: (L, B) float32, cosine of every image of the batch to the anchor, under class m.
        positive: (L, B) bool, the other images that carry class m.
        negative: (L, B) bool, images annotated for the attribute of m that lack class m. An image
            without that annotation is neither positive nor negative.
    """

    image: Tensor
    class_id: Tensor
    phi: Tensor
    scores: Tensor
    positive: Tensor
    negative: Tensor


def find_anchors(
    vectors: Tensor, targets: Tensor, annotated: Tensor, attribute_of_class: Tensor
) -> Anchors:
    """Find the anchors of a batch, and score its images against them in float32.

    Time and memory grow with the classes that occur in the batch.

    Args:
        vectors: (B, M, D) float, of each class, or (B, A, D), of each attribute; of any length.
        targets: (B, M) bool, the classes of each image; none of an attribute that the image is
            not annotated for.
        annotated: (B, A) bool, the attributes that each image is annotated for.
        attribute_of_class: (M,) int64, the attribute id of each class.
    """
    present = targets.any(dim=0).nonzero().squeeze(1)
    carries = targets.index_select(1, present).T
    lacks = annotated.index_select(1, attribute_of_class[present]).T & ~carries
    row, image = carries.nonzero(as_tuple=True)
    by_class = vectors.shape[1] == targets.shape[1]
    columns = present if by_class else attribute_of_class[present]
    with torch.autocast(vectors.device.type, enabled=False):
        unit = F.normalize(vectors.index_select(1, columns).float(), dim=-1, eps=SHORTEST)
        # (B, U, D), (B, U, D) -> (U, B, B): U classes that occur
        scores = torch.einsum("iud,kud->uik", unit, unit)
    itself = F.one_hot(image, len(vectors)).bool()
    return Anchors(
        image=image,
        class_id=present[row],
        phi=unit[image, row],
        scores=scores[row, image],
        positive=carries[row] & ~itself,
        negative=lacks[row],
    )


def triplet_loss(anchors: Anchors, margin: float) -> Tensor:
    """Return the triplet loss among three images under the anchor's class (M3-Net, L_CI).

    relu(margin - cos(anchor, positive) + cos(anchor, negative)), mean over those triplets of the
    batch for which it is not zero ("batch all", Hermans et al. 2017, arXiv:1703.07737).

    Triplets are counted, not listed. A triplet is active if the negative scores above a bar, the
    positive's score less the margin. So each score enters the sum as often as it beats, or sets,
    such a bar, and two sorts give those numbers. Memory is L x B for L anchors and B images; a
    list of triplets would take up to L x B x B.

    Args:
        anchors: The anchors of a batch.
        margin: In units of the cosine.

    Returns:
        A zero with a gradient if no triplet is active.
    """
    scores, bars = anchors.scores, anchors.scores - margin
    with torch.no_grad():
        as_negative, as_positive = _count_active(scores, bars, anchors)
    total = (scores * as_negative - bars * as_positive).sum()
    return total / as_negative.sum().clamp(min=1)


def drawn_triplet_loss(vectors: Tensor, drawn_for: Tensor, margin: float) -> Tensor:
    """Return the loss of a batch that was drawn as triplets (ASEN).

    relu(margin - cos(anchor, positive) + cos(anchor, negative)) under the attribute that the
    triplet was drawn for, mean over all triplets (Ma et al., AAAI 2020, section 3.2).

    Args:
        vectors: (3T, A, D) float, one of each attribute: anchor, positive and negative of the first
            triplet, then those of the next.
        drawn_for: (3T,) int64, the attribute of each image's triplet.
        margin: In units of the cosine.

    Example:
        >>> anchor, far = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> drawn_triplet_loss(torch.stack([anchor, far, far]), torch.zeros(3).long(), 0.2)
        tensor(0.2000)
    """
    drawn = vectors[torch.arange(len(vectors), device=vectors.device), drawn_for].float()
    unit = F.normalize(drawn, dim=-1, eps=SHORTEST)
    anchor, positive, negative = unit[0::3], unit[1::3], unit[2::3]
    nearer = (anchor * positive).sum(dim=1) - (anchor * negative).sum(dim=1)
    return F.relu(margin - nearer).mean()


def _count_active(scores: Tensor, bars: Tensor, anchors: Anchors) -> tuple[Tensor, Tensor]:
    """Count the active triplets of each image as a negative and as a positive.

    Both counts compare the same numbers, so they agree on every triplet.

    Returns:
        (L, B) int64 for the images as negatives and (L, B) int64 for the images as positives.
    """
    positive_bars = bars.masked_fill(~anchors.positive, torch.inf).sort(dim=1).values
    bars_below = torch.searchsorted(positive_bars, scores)
    negative_scores = scores.masked_fill(~anchors.negative, -torch.inf).sort(dim=1).values
    scores_above = scores.shape[1] - torch.searchsorted(negative_scores, bars, right=True)
    return bars_below * anchors.negative, scores_above * anchors.positive
