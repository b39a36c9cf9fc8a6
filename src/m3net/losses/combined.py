"""The training objective: up to five losses and their weighted sum.

M3-Net has three, on its class-specific vectors. Networks that have vectors of attributes only are
trained by the same ones on those: ASEN by triplets, MODC by triplets and centres. ASEN++ adds two
for its local branch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from m3net.errors import ConfigError
from m3net.losses.centers import CenterTripletLoss, ClassCenters
from m3net.losses.classification import (
    AttributeClassificationLoss,
    SoftmaxClassificationLoss,
    positive_weights,
)
from m3net.losses.config import LossConfig
from m3net.losses.gathering import gather_batch
from m3net.losses.local import alignment_loss
from m3net.losses.triplet import (
    Anchors,
    ClassTripletLoss,
    drawn_triplet_loss,
    find_anchors,
)


class CombinedLoss(nn.Module):
    """The losses and their weighted sum.

    The weights of the classification loss and the centres are part of the state dict.

    Example:
        >>> attribute_of_class = torch.tensor([0, 0, 1, 1, 1])
        >>> counts = torch.tensor([30, 70, 20, 20, 60]), torch.full((5,), 100)
        >>> loss = CombinedLoss(LossConfig(center_weight=0.0), attribute_of_class, *counts, dim=8)
        >>> targets = torch.tensor([[1, 0, 0, 0, 1], [1, 0, 1, 0, 0], [0, 1, 0, 0, 1]]).bool()
        >>> annotated = torch.ones(3, 2, dtype=torch.bool)
        >>> terms = loss(torch.zeros(3, 5), torch.randn(3, 5, 8), targets, annotated)
        >>> sorted(terms)
        ['classification', 'instance', 'total']
    """

    attribute_of_class: Tensor

    def __init__(
        self,
        config: LossConfig,
        attribute_of_class: Tensor,
        positives: Tensor,
        annotated: Tensor,
        dim: int,
        multi_label: Sequence[bool] = (),
    ) -> None:
        """Make the losses for the classes of a taxonomy.

        Args:
            config: Weights and settings of the terms.
            attribute_of_class: (M,) int64, the attribute id of each class.
            positives: (M,) number of training images that carry each class.
            annotated: (M,) number of training images annotated for the attribute of each class.
            dim: D, the size of a vector.
            multi_label: Whether an image may carry several classes of each attribute; for "softmax"
                only.
        """
        super().__init__()
        weight = positive_weights(
            positives, annotated, config.balance_power, config.balance_maximum
        )
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.gather, self.margin = config.gather, config.margin
        self.drawn = config.triplets == "drawn"
        self.weights = {name: value for name, value in config.weights.items() if value > 0}
        self.classification: AttributeClassificationLoss | SoftmaxClassificationLoss
        if config.classification == "softmax":
            sizes = attribute_of_class.bincount().tolist()
            self.classification = SoftmaxClassificationLoss(sizes, multi_label, weight)
        else:
            self.classification = AttributeClassificationLoss(
                attribute_of_class, weight, config.over_classes
            )
        self.instance = ClassTripletLoss(config.margin)
        self.center = CenterTripletLoss(config.margin)
        # A learnable centre outside the loss would be a weight without a gradient, which
        # distributed training refuses.
        self.centers = (
            ClassCenters(len(attribute_of_class), dim, config.center, config.center_momentum)
            if "center" in self.weights
            else None
        )

    @property
    def class_log_weight(self) -> Tensor:
        """(M,) float32: log of the weight of each class's positives.

        Weighting raises a logit by this much: subtract it for the posterior of unweighted data.
        """
        return self.classification.positive_weight.log()

    def forward(
        self,
        logits: Tensor,
        vectors: Tensor,
        targets: Tensor,
        annotated: Tensor,
        *,
        close: Tensor | None = None,
        drawn_for: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Give "total" and its terms "classification", "instance" ..., not yet weighted.

        A term of weight 0 is not computed and not given. In training mode the moving averages
        take in the batch before the centre loss is computed, so that a class has a centre as
        soon as it is met. In distributed training the batch is that of the process, or of all with
        `LossConfig.gather`; moving averages always take in all.

        Args:
            logits: (B, M) float.
            vectors: (B, M, D) float, class-specific representations of any length, or (B, A, D),
                of attributes.
            targets: (B, M) bool, the classes of each image; none of an attribute that the image
                is not annotated for.
            annotated: (B, A) bool, the attributes that each image is annotated for.
            close: (B, A, D) float, of the local branch of ASEN++, once it takes part.
            drawn_for: (B,) int64, the attribute that each image's triplet was drawn for.

        Raises:
            ConfigError: Drawn triplets are asked for, and the batch was drawn otherwise, or the
                vectors are not those of attributes.
        """
        if self.gather:
            floats = [logits, vectors] if close is None else [logits, vectors, close]
            floats, (targets, annotated) = gather_batch(floats, [targets, annotated])
            logits, vectors = floats[:2]
            close = None if close is None else floats[2]
        terms: dict[str, Tensor] = {}
        if "classification" in self.weights:
            terms["classification"] = self.classification(logits, targets, annotated)
        if self.drawn:
            terms |= self._drawn_terms(vectors, close, drawn_for)
        else:
            terms |= self._triplet_terms(vectors, close, targets, annotated)
        if close is not None and "align" in self.weights:
            terms["align"] = alignment_loss(vectors, close, annotated)
        weighted = [self.weights[name] * term for name, term in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    def _triplet_terms(
        self, vectors: Tensor, close: Tensor | None, targets: Tensor, annotated: Tensor
    ) -> dict[str, Tensor]:
        """Give the terms of all triplets of a batch."""
        labels = targets, annotated, self.attribute_of_class
        terms: dict[str, Tensor] = {}
        if self.weights.keys() & {"instance", "center"}:
            terms |= self._anchor_terms(find_anchors(vectors, *labels))
        if close is not None and "local" in self.weights:
            terms["local"] = self.instance(find_anchors(close, *labels))
        return terms

    def _anchor_terms(self, anchors: Anchors) -> dict[str, Tensor]:
        """Give the terms that the anchors of a batch enter."""
        terms: dict[str, Tensor] = {}
        if "instance" in self.weights:
            terms["instance"] = self.instance(anchors)
        if self.centers is not None:
            if self.training:
                self.centers.update(anchors)
            terms["center"] = self.center(anchors, self.centers)
        return terms

    def _drawn_terms(
        self, vectors: Tensor, close: Tensor | None, drawn_for: Tensor | None
    ) -> dict[str, Tensor]:
        """Give the terms of the triplets that a batch was drawn as."""
        by_attribute = vectors.shape[1] == int(self.attribute_of_class[-1]) + 1
        if drawn_for is None or (drawn_for < 0).any() or not by_attribute:
            raise ConfigError(
                "loss setting triplets is drawn: it needs data.loading.sampling=triplets, and a "
                "network with vectors of attributes only (model.network.head asen, asen_v2 or "
                "asen_pp); else set triplets to batch."
            )
        terms: dict[str, Tensor] = {}
        if "instance" in self.weights:
            terms["instance"] = drawn_triplet_loss(vectors, drawn_for, self.margin)
        if close is not None and "local" in self.weights:
            terms["local"] = drawn_triplet_loss(close, drawn_for, self.margin)
        return terms
