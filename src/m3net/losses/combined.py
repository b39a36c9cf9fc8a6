"""The training objective: a weighted sum of named terms."""

from collections.abc import Callable, Mapping, Set

import torch
from torch import Tensor, nn

from m3net.errors import ConfigError
from m3net.losses.gathering import gather_batch
from m3net.losses.term import Classes, LossBatch, Term


class CombinedLoss(nn.Module):
    """The terms of a loss and their weighted sum.

    Weights and buffers of the terms are part of the state dict.

    Example:
        >>> from m3net.losses import BinaryClassification, InstanceTriplets
        >>> classes = Classes(
        ...     attribute_of_class=torch.tensor([0, 0, 1, 1, 1]),
        ...     positives=torch.tensor([30, 70, 20, 20, 60]), annotated=torch.full((5,), 100),
        ...     multi_label=(False, False), dim=8)
        >>> terms = {"classification": BinaryClassification(), "instance": InstanceTriplets(0.5)}
        >>> outputs = {"logits": torch.zeros(3, 5), "vectors": torch.randn(3, 5, 8)}
        >>> targets = torch.tensor([[1, 0, 0, 0, 1], [1, 0, 1, 0, 0], [0, 1, 0, 0, 1]]).bool()
        >>> annotated = torch.ones(3, 2, dtype=torch.bool)
        >>> sorted(CombinedLoss(terms, classes)(outputs, targets, annotated))
        ['classification', 'instance', 'total']
    """

    attribute_of_class: Tensor

    def __init__(
        self,
        terms: Mapping[str, Term],
        classes: Classes,
        *,
        gather: bool = False,
        late_outputs: Set[str] = frozenset(),
    ) -> None:
        """Build the terms for the classes of the training data.

        Args:
            terms: By name; terms of weight 0 are left out.
            classes: The classes of the training data.
            gather: Whether the batches of all processes make one batch.
            late_outputs: Outputs that the network may lack at first; terms that read them wait.

        Raises:
            ConfigError: No term has a weight, or a term does not allow `gather`.
        """
        super().__init__()
        self.register_buffer("attribute_of_class", classes.attribute_of_class, persistent=False)
        self.gather, self.late_outputs = gather, frozenset(late_outputs)
        self.settings = {name: term for name, term in terms.items() if term.weight > 0}
        if not self.settings:
            raise ConfigError("no term of model.loss has a weight above 0: raise one.")
        for name, term in self.settings.items():
            if gather and term.within_process:
                raise ConfigError(
                    f"the term {name} of model.loss stays within a process: set model.gather to "
                    "false."
                )
        self._functions: dict[str, Callable[[LossBatch], Tensor]] = {
            name: term.build(classes) for name, term in self.settings.items()
        }
        # Registers their weights and buffers.
        self.terms = nn.ModuleDict(
            {name: term for name, term in self._functions.items() if isinstance(term, nn.Module)}
        )

    def forward(
        self,
        outputs: Mapping[str, Tensor],
        targets: Tensor,
        annotated: Tensor,
        drawn_for: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return "total" and the unweighted terms by name.

        In distributed training the batch is that of the process, or of all with `gather`.

        Args:
            outputs: Outputs of the network by name.
            targets: (B, M) bool, the classes of each image; none of an attribute that the image
                is not annotated for.
            annotated: (B, A) bool, the attributes that each image is annotated for.
            drawn_for: (B,) int64, the attribute that each image's triplet was drawn for.

        Raises:
            ConfigError: A term reads what the network does not return.
        """
        ready = [name for name in self.settings if self._is_ready(name, outputs)]
        read = sorted({output for name in ready for output in self.settings[name].reads})
        values = [outputs[name] for name in read]
        if self.gather:
            values, (targets, annotated) = gather_batch(values, [targets, annotated])
        named = dict(zip(read, values, strict=True))
        batch = LossBatch(named, targets, annotated, self.attribute_of_class, drawn_for)
        terms = {name: self._functions[name](batch) for name in ready}
        weighted = [self.settings[name].weight * term for name, term in terms.items()]
        return {**terms, "total": torch.stack(weighted).sum()}

    def _is_ready(self, name: str, outputs: Mapping[str, Tensor]) -> bool:
        """Return whether the outputs of a term are there; raise where they never will be."""
        missing = [output for output in self.settings[name].reads if output not in outputs]
        if unknown := set(missing) - self.late_outputs:
            raise ConfigError(
                f"the term {name} of model.loss reads {min(unknown)!r}, which this network does "
                f"not return: it returns {', '.join(sorted(outputs))}."
            )
        return not missing


def class_log_weight(terms: Mapping[str, Term], classes: Classes) -> Tensor:
    """Return the shift of each logit by training: the log of the weight of its positives.

    Returns:
        (M,) float32; zeros where no term weights them.

    Raises:
        ConfigError: Two terms weight them, so that the logits have no one meaning.
    """
    shifts = {name: term.log_weight(classes) for name, term in terms.items()}
    weighting = {name: shift for name, shift in shifts.items() if shift is not None}
    if len(weighting) > 1:
        raise ConfigError(
            f"the terms {' and '.join(weighting)} of model.loss both train the logits: keep one."
        )
    return next(iter(weighting.values()), torch.zeros(len(classes.attribute_of_class)))
