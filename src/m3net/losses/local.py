"""ASEN++: what the local branch sees of an attribute agrees with what the global one sees."""

import torch.nn.functional as F
from torch import Tensor


def alignment_loss(whole: Tensor, close: Tensor, annotated: Tensor) -> Tensor:
    """Pull the local branch's vectors towards the global branch's (Dong et al., IEEE TIP 2021).

    1 - cos(local, global), mean over the annotated pairs of an image and an attribute. The global
    branch is not pulled: it is the one that sees the whole.

    Args:
        whole: (B, A, D) float, of the global branch.
        close: (B, A, D) float, of the local branch.
        annotated: (B, A) bool.

    Example:
        >>> import torch
        >>> right, up = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
        >>> alignment_loss(right, up, torch.tensor([[True]]))
        tensor(1.)
    """
    distance = 1 - F.cosine_similarity(close.float(), whole.detach().float(), dim=-1)
    return (distance * annotated).sum() / annotated.sum().clamp(min=1)
