"""The vector an image is ranked by, under each attribute.

A query gives the photo and the attribute but not the class, so that what the network knows of the
classes has to become one vector whose inner product is the score:

* attribute: the L2-normalised attribute vector; score = cosine.
* posterior: the class probabilities p; score = sum_m p_m(q) p_m(g), the probability that both
  images carry the same class.
* class: the concatenation over m of p_m phi_m / |phi_m|;
  score = sum_m p_m(q) p_m(g) cos(phi_m(q), phi_m(g)).
* duet: attribute and class vectors side by side, weighed alike.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.errors import ConfigError
from m3net.models.network import NetworkConfig
from m3net.models.outputs import Outputs

Ranking = Literal["attribute", "class", "posterior", "duet"]


def possible_rankings(config: NetworkConfig) -> tuple[Ranking, ...]:
    """Return the rankings that a network has representations for.

    Example:
        >>> from m3net.models import AsenConfig
        >>> possible_rankings(AsenConfig())
        ('attribute', 'posterior')
    """
    attribute, of_class = config.has_attribute_vectors, config.has_class_vectors
    has: dict[Ranking, bool] = {
        "attribute": attribute,
        "class": of_class,
        "posterior": True,
        "duet": attribute and of_class,
    }
    return tuple(ranking for ranking, possible in has.items() if possible)


def check_ranking(ranking: Ranking, config: NetworkConfig) -> None:
    """Refuse a ranking that the network has no representation for.

    Raises:
        ConfigError: It needs attribute vectors, which M3-Net_c lacks, or class vectors, which the
            ASEN family lacks.
    """
    if ranking not in possible_rankings(config):
        raise ConfigError(
            f"model.ranking={ranking} needs vectors that the network of model.network lacks; "
            f"choose one of {', '.join(possible_rankings(config))}."
        )


def posteriors(
    logits: Tensor, log_weight: Tensor, sizes: Sequence[int], multi_label: Sequence[bool]
) -> Tensor:
    """Turn logits into calibrated class probabilities.

    Weighting the positives of a class by w in the cross entropy adds log w to its log-odds;
    subtracting it undoes the shift. Where an image carries exactly one class of an attribute, the
    independent log-odds become a softmax: P(m | exactly one) is proportional to exp(log-odds).

    Args:
        logits: (B, M) float.
        log_weight: (M,) float, log w of the loss.
        sizes: Number of classes of each attribute.
        multi_label: Whether an image may carry several classes of each attribute.

    Returns:
        (B, M) float32 in 0 .. 1; sums to 1 over the classes of a single-label attribute.

    Example:
        >>> p = posteriors(torch.tensor([[0., 0., 9.]]), torch.zeros(3), (2, 1), (False, True))
        >>> p.round(decimals=3)
        tensor([[0.5000, 0.5000, 1.0000]])
    """
    parts = torch.split(logits.float() - log_weight, list(sizes), dim=1)
    return torch.cat(
        [
            torch.sigmoid(part) if several else torch.softmax(part, dim=1)
            for part, several in zip(parts, multi_label, strict=True)
        ],
        dim=1,
    )


def represent(
    outputs: Outputs, probabilities: Tensor, sizes: Sequence[int], ranking: Ranking
) -> list[Tensor]:
    """Return one ranking vector per image and attribute.

    Args:
        outputs: Of the network, for B images.
        probabilities: (B, M) float32 from `posteriors`.
        sizes: Number of classes of each attribute.
        ranking: Which representation.

    Returns:
        For each attribute a (B, D_a) float32 tensor; inner products are scores.
    """
    if ranking == "posterior":
        return list(torch.split(probabilities, list(sizes), dim=1))
    if ranking == "attribute":
        return list(_attribute_vectors(outputs).unbind(dim=1))
    by_class = _class_vectors(outputs, probabilities, sizes)
    if ranking == "class":
        return by_class
    by_attribute = _attribute_vectors(outputs).unbind(dim=1)
    halves = zip(by_attribute, by_class, strict=True)
    return [torch.cat(half, dim=1) / 2**0.5 for half in halves]


def _class_vectors(outputs: Outputs, probabilities: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Return for each attribute the class vectors, gated and side by side: (B, M_a * D)."""
    if outputs.phi is None:
        raise ConfigError("this network has no class vectors; see model.ranking.")
    gated = probabilities.unsqueeze(-1) * F.normalize(outputs.phi, dim=-1)
    return [part.flatten(1) for part in torch.split(gated, list(sizes), dim=1)]


def _attribute_vectors(outputs: Outputs) -> Tensor:
    """Return (B, A, C) attribute vectors of length 1."""
    if outputs.attributes is None:
        raise ConfigError("this network has no attribute vectors; see model.ranking.")
    return F.normalize(outputs.attributes, dim=-1)
