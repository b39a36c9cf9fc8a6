"""The LightningModule: trains a retriever by the losses, and evaluates it by the metrics."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from typing_extensions import override

from m3net.base.protocol import Protocol
from m3net.boundary.typed import to_named
from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.errors import CheckpointError, ConfigError, printable
from m3net.losses import (
    BinaryClassification,
    CenterTriplets,
    Classes,
    CombinedLoss,
    InstanceTriplets,
    Term,
    class_log_weight,
)
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.models import M3NetConfig, NetworkConfig
from m3net.models.representations import Ranking
from m3net.models.retriever import Retriever
from m3net.training.optimization import OptimizerConfig, build_optimizer, build_schedule

M3NET_LOSS: Mapping[str, Term] = {
    "classification": BinaryClassification(),
    "instance": InstanceTriplets(),
    "center": CenterTriplets(),
}
"""The three terms of M3-Net."""


class Prediction(TypedDict):
    """What the network returns for a batch of B images."""

    index: Tensor
    """(B,) int64, the image's index in its split."""
    embeddings: list[Tensor]
    """For each attribute (B, D_a) float32; inner products are scores."""
    probabilities: Tensor
    """(B, M) float32."""


class M3NetTask(L.LightningModule):
    """Trains and evaluates M3-Net, or a system that it is compared with.

    Attributes:
        retriever: The trained network, with all that it needs to rank photos.
        loss: The training objective.
        latest_terms: Loss terms of the latest training batch, on the device.
        latest_index: (B,) int64, the images of that batch.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        network: NetworkConfig = M3NetConfig(),
        loss: dict[str, Term] = M3NET_LOSS,  # type: ignore[assignment] # jsonargparse wants a dict
        optimizer: OptimizerConfig = OptimizerConfig(),
        ranking: Ranking = "class",
        metrics: MetricsConfig = MetricsConfig(),
        mirror: bool = False,
        gather: bool = False,
        protocol: Protocol = "single",
    ) -> None:
        """Build the network with random weights.

        Args:
            class_counts: Taxonomy, and how often each class occurs. Filled in from the data.
            network: Which network, and its shape.
            loss: Terms of the loss by name, each with its weight.
            optimizer: The optimizer and its learning rate.
            ranking: Which representation ranks the gallery: the attribute's vector, its classes'
                vectors gated by their probabilities, the class probabilities (posterior), or
                attribute and class vectors side by side (duet).
            metrics: Which metrics validation and test compute, and how.
            mirror: Whether images are ranked by the mean of their vectors and those of their mirror
                images, in validation, test and prediction.
            gather: In distributed training, compute the losses on the batches of all processes
                together, as one process with the whole batch would; else each process computes
                them on its own batch, and gradients are averaged.
            protocol: What a query is in validation and test. Filled in from the data.

        Raises:
            ConfigError: Settings contradict one another.
        """
        super().__init__()
        self.save_hyperparameters(
            {
                "labels": class_counts.to_plain(),
                "network": to_named(network),
                "loss": {name: to_named(term) for name, term in loss.items()},
                "optimizer": asdict(optimizer),
                "ranking": ranking,
                "metrics": metrics.to_plain(),
                "mirror": mirror,
                "gather": gather,
                "protocol": protocol,
            }
        )
        self.latest_terms: dict[str, Tensor] = {}
        self.latest_index = torch.empty(0, dtype=torch.int64)
        self.optimizer_config = optimizer
        taxonomy = class_counts.taxonomy
        built = network.build(taxonomy.sizes)
        classes = Classes(
            attribute_of_class=torch.from_numpy(taxonomy.attribute_of_class),
            positives=torch.tensor(class_counts.positives),
            annotated=torch.tensor(class_counts.annotated),
            multi_label=tuple(attribute.multi_label for attribute in taxonomy),
            dim=built.vector_dim,
        )
        log_weight = class_log_weight(loss, classes)
        self.retriever = Retriever(built, taxonomy, log_weight, ranking, mirror)
        self.loss = CombinedLoss(loss, classes, gather=gather, late_outputs=built.late_outputs)
        self.val_metrics, self.test_metrics = (
            RetrievalMetrics(taxonomy.names, taxonomy.sizes, protocol=protocol, config=metrics)
            for _ in range(2)
        )

    @override
    def setup(self, stage: str) -> None:
        """Load pretrained weights, unless a checkpoint will replace them.

        Raises:
            WeightsError: The weights are not available.
        """
        network = self.retriever.network
        if stage == "fit" and network.config.pretrained and self.trainer.ckpt_path is None:
            network.load_pretrained()

    @override
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load the weights of a task with the same settings and taxonomy.

        Raises:
            CheckpointError: They are of a network of another shape.
        """
        try:
            return super().load_state_dict(state_dict, strict=strict, assign=assign)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip()
            raise CheckpointError(
                "the checkpoint does not fit the settings of model.network and model.loss, which "
                f"must be those of its training: {first}"
            ) from error

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to train on with an optimizer of other parameters.

        Raises:
            CheckpointError: It is of a version that also kept unused stages of the backbone.
        """
        if self._trainer is None or self._trainer.state.fn != TrainerFn.FITTING:
            return
        for state in checkpoint.get("optimizer_states") or []:
            saved = sum(len(group["params"]) for group in state["param_groups"])
            if saved != len(list(self.parameters())):
                raise CheckpointError(
                    f"the checkpoint's optimizer has {saved} parameters, the network another "
                    "number: it is of a version of m3net that kept unused stages of this backbone. "
                    "It can be tested, but its training cannot be resumed: start a new run."
                )

    @override
    def on_fit_start(self) -> None:
        """Check that each part of the network will be trained.

        Raises:
            ConfigError: No loss reads an output that only losses use, or ddp would wait for
                gradients of weights that join later.
        """
        network = self.retriever.network
        read = {output for term in self.loss.settings.values() for output in term.reads}
        if unread := network.extra_outputs - read:
            raise ConfigError(
                f"no term of model.loss reads {min(unread)!r}, so a part of {network.config.title} "
                "would not be trained: add one, as m3net:model/asen_pp does."
            )
        model = self.trainer.strategy.model
        waits = isinstance(model, DistributedDataParallel) and not model.find_unused_parameters
        if waits and network.late_outputs:
            raise ConfigError(
                "a part of this network joins the training later, which ddp does not allow: "
                "set trainer.strategy to ddp_find_unused_parameters_true."
            )

    @override
    def on_train_epoch_start(self) -> None:
        """Set the network's progress through the training."""
        self.retriever.network.set_progress(self.global_step / max(1, self._num_steps()))

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch; each term is logged by name."""
        outputs = self.retriever.network(batch["image"], needed=batch["annotated"])
        labels = batch["targets"], batch["annotated"]
        terms = self.loss(outputs.by_name(), *labels, drawn_for=batch["drawn_for"])
        named = {name: term.detach() for name, term in terms.items()}
        named["loss"] = named.pop("total")
        self.latest_terms, self.latest_index = named, batch["index"]
        self.log_dict({f"train/{name}": term for name, term in named.items() if name != "loss"})
        self.log("train/loss", named["loss"], prog_bar=True)
        total: Tensor = terms["total"]
        return total

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the validation metrics."""
        self._update(self.val_metrics, batch)

    @override
    def on_validation_epoch_start(self) -> None:
        """Forget the batches of an earlier epoch or a sanity check."""
        self.val_metrics.reset()

    @override
    def on_validation_epoch_end(self) -> None:
        """Log the scores, but not those of the two batches of a sanity check."""
        if not self.trainer.sanity_checking:
            self._log_scores("val", self.val_metrics.compute(), shown="map_all")

    @override
    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the test metrics."""
        self._update(self.test_metrics, batch)

    @override
    def on_test_epoch_start(self) -> None:
        """Forget the batches of an earlier test."""
        self.test_metrics.reset()

    @override
    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test", self.test_metrics.compute())

    @override
    def predict_step(self, batch: Batch, batch_idx: int) -> Prediction:
        """Return ranking vectors and class probabilities of images without labels."""
        look = self.retriever(batch["image"])
        return Prediction(
            index=batch["index"], embeddings=look.vectors, probabilities=look.probabilities
        )

    @property
    def ranks_as_configured(self) -> bool:
        """Whether the retriever still ranks as the settings say."""
        return bool(self.retriever.ranking == self.hparams["ranking"])

    @override
    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimizer, and the schedule over all steps of the training.

        Raises:
            ConfigError: The training has no end.
        """
        optimizer = build_optimizer(self, self.optimizer_config)
        num_steps = self._num_steps()
        # If only steps are limited, Lightning may not have counted the batches yet.
        self.trainer.fit_loop.setup_data()
        batches = self.trainer.num_training_batches
        steps_per_epoch = math.ceil(batches / self.trainer.accumulate_grad_batches)
        schedule = build_schedule(optimizer, self.optimizer_config, num_steps, steps_per_epoch)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "lr"},
        }

    def _num_steps(self) -> int:
        """Return the number of steps of the whole training."""
        steps = self.trainer.estimated_stepping_batches
        if steps == math.inf:
            raise ConfigError(
                "the learning-rate schedule needs trainer.max_epochs or trainer.max_steps: set "
                "one; trainer.max_time may still end the training earlier."
            )
        return int(steps)

    def _log_scores(
        self, split: str, scores: Mapping[str, Tensor], shown: str | None = None
    ) -> None:
        """Log means, but not the counts of queries and images, which do not change.

        All processes hold the same scores; sync_dist only silences Lightning's warning. Scores of
        another ranking than the configured one get other names.
        """
        prefix = split if self.ranks_as_configured else f"rankings/{self.retriever.ranking}/{split}"
        for name, value in scores.items():
            if value.is_floating_point():
                key = printable(f"{prefix}/{name}")
                self.log(key, value, prog_bar=name == shown, sync_dist=True)

    def _update(self, metrics: RetrievalMetrics, batch: Batch) -> None:
        vectors = self.retriever(batch["image"]).vectors
        metrics.update(vectors, batch["targets"], batch["roles"], batch["index"], batch["product"])
