"""The LightningModule: wires network, losses and metrics; each does its work elsewhere."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.errors import CheckpointError, ConfigError
from m3net.escaping import printable
from m3net.losses.combined import CombinedLoss
from m3net.losses.config import LossConfig
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.models.build import build_network
from m3net.models.config import NetworkConfig
from m3net.models.outputs import Outputs
from m3net.models.representations import Ranking, check_ranking, posteriors, represent
from m3net.optimization import OptimizerConfig, build_optimizer, build_schedule
from m3net.protocol import Protocol
from m3net.untrusted.typed import MismatchError, arguments_of, read_as


class Prediction(TypedDict):
    """What the network says of a batch of B images.

    Attributes:
        index: (B,) int64, the image's place in its split.
        embeddings: For each attribute (B, D_a) float32; inner products are scores.
        probabilities: (B, M) float32.
    """

    index: Tensor
    embeddings: list[Tensor]
    probabilities: Tensor


class M3NetTask(L.LightningModule):
    """Trains and evaluates M3-Net, or a system it is compared with.

    Attributes:
        taxonomy: Attributes and classes the network was built for.
        network: The plain network.
        latest_terms: Loss terms of the latest training batch, on the device.
        latest_index: (B,) int64, its images.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        network: NetworkConfig = NetworkConfig(),
        loss: LossConfig = LossConfig(),
        optimizer: OptimizerConfig = OptimizerConfig(),
        ranking: Ranking = "class",
        metrics: MetricsConfig = MetricsConfig(),
        mirror: bool = False,
        protocol: Protocol = "single",
    ) -> None:
        """Build the network with random weights.

        Args:
            class_counts: Taxonomy, and how often each class occurs. Filled in from the data.
            network: Shape of the network.
            loss: Weights and margins of the losses.
            optimizer: How weights are moved.
            ranking: Which representation ranks the gallery: the attribute's vector, its classes'
                vectors gated by their probabilities, the class probabilities (posterior), or
                attribute and class vectors side by side (duet).
            metrics: Which metrics validation and test compute, and how.
            mirror: Whether images are ranked by the mean of their vectors and those of their mirror
                images, in validation, test and prediction.
            protocol: What a query is in validation and test. Filled in from the data.
        """
        super().__init__()
        check_ranking(ranking, network)
        self.save_hyperparameters(
            {
                "labels": class_counts.to_plain(),
                "network": network.to_plain(),
                "loss": asdict(loss),
                "optimizer": asdict(optimizer),
                "ranking": ranking,
                "metrics": metrics.to_plain(),
                "mirror": mirror,
                "protocol": protocol,
            }
        )
        self.latest_terms: dict[str, Tensor] = {}
        self.latest_index = torch.empty(0, dtype=torch.int64)
        self.taxonomy = class_counts.taxonomy
        self.ranking, self.optimizer_config, self.mirror = ranking, optimizer, mirror
        sizes = self.taxonomy.sizes
        self.network = build_network(network, sizes).to(memory_format=torch.channels_last)
        self.loss = CombinedLoss(
            loss,
            attribute_of_class=torch.from_numpy(self.taxonomy.attribute_of_class),
            positives=torch.tensor(class_counts.positives),
            annotated=torch.tensor(class_counts.annotated),
            dim=self.network.vector_dim,
            multi_label=[attribute.multi_label for attribute in self.taxonomy],
        )
        self.val_metrics, self.test_metrics = (
            RetrievalMetrics(self.taxonomy.names, sizes, protocol=protocol, config=metrics)
            for _ in range(2)
        )

    def setup(self, stage: str) -> None:
        """Fetch pretrained weights, but never where a checkpoint will replace them.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            WeightsError: The weights cannot be had.
        """
        config = self.network.config
        if stage == "fit" and config.pretrained and self.trainer.ckpt_path is None:
            self.network.load_pretrained()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401 - torch gives a tuple that it does not name in public
        """Take over weights; see `torch.nn.Module.load_state_dict`.

        Args:
            state_dict: From a task with the same settings and taxonomy.
            strict: Whether the names must match.
            assign: Whether to keep the tensors themselves.

        Raises:
            CheckpointError: They are those of a network of another shape.
        """
        try:
            return super().load_state_dict(state_dict, strict=strict, assign=assign)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip()
            raise CheckpointError(
                "the checkpoint does not fit the settings of model.network and model.loss, which "
                f"must be those of its training: {first}"
            ) from error

    def on_fit_start(self) -> None:
        """Refuse a strategy that would wait for gradients of weights that take no part yet.

        Raises:
            ConfigError: It is ddp, which does.
        """
        model = self.trainer.strategy.model
        waits = isinstance(model, DistributedDataParallel) and not model.find_unused_parameters
        if waits and self.network.starts_in_part:
            raise ConfigError(
                f"part of the network {self.network.config.head} joins the training later, which "
                "ddp does not allow for: set --trainer.strategy=ddp_find_unused_parameters_true."
            )

    def on_train_epoch_start(self) -> None:
        """Tell the network how much of the training is over."""
        self.network.advance(self.global_step / max(1, self._num_steps()))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Give the combined loss of a batch; each term is logged by name."""
        del batch_idx
        outputs = self.network(batch["image"], wanted=batch["annotated"])
        labels = batch["targets"], batch["annotated"]
        close = None if outputs.branches is None else outputs.branches[1]
        terms = self.loss(
            outputs.logits, outputs.vectors, *labels, close=close, drawn_for=batch["drawn_for"]
        )
        named = {name: term.detach() for name, term in terms.items()}
        named["loss"] = named.pop("total")
        self.latest_terms, self.latest_index = named, batch["index"]
        self.log_dict({f"train/{name}": term for name, term in named.items() if name != "loss"})
        self.log("train/loss", named["loss"], prog_bar=True)
        total: Tensor = terms["total"]
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Take in a batch of validation images."""
        del batch_idx
        self._update(self.val_metrics, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the scores, but not those of the two batches of a sanity check."""
        if not self.trainer.sanity_checking:
            self._log_scores("val", self.val_metrics.compute(), shown="map_all")

    def on_validation_epoch_start(self) -> None:
        """Forget what an earlier epoch or a sanity check took in."""
        self.val_metrics.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Take in a batch of test images."""
        del batch_idx
        self._update(self.test_metrics, batch)

    def on_test_epoch_start(self) -> None:
        """Forget what an earlier test took in."""
        self.test_metrics.reset()

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test", self.test_metrics.compute())

    def predict_step(self, batch: Batch, batch_idx: int) -> Prediction:
        """Give ranking vectors and class probabilities of images without labels."""
        del batch_idx
        embeddings, probabilities = self.look(batch["image"])
        return Prediction(index=batch["index"], embeddings=embeddings, probabilities=probabilities)

    def look(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give ranking vectors and class probabilities of images.

        Args:
            images: (B, 3, H, W) uint8, RGB.

        Returns:
            For each attribute (B, D_a) float32, and (B, M) float32; means with those of the mirror
            images where `mirror` asks for it.
        """
        views = [images, images.flip(3)] if self.mirror else [images]
        found = []
        for view in views:
            outputs = self.network(view)
            probabilities = self.probabilities(outputs)
            vectors = represent(outputs, probabilities, self.taxonomy.sizes, self.ranking)
            found.append([*vectors, probabilities])
        *vectors, probabilities = (torch.stack(own).mean(dim=0) for own in zip(*found, strict=True))
        return vectors, probabilities

    @property
    def ranks_as_configured(self) -> bool:
        """Whether the ranking is that of the settings, which another may stand in for."""
        return bool(self.ranking == self.hparams["ranking"])

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Give (B, M) float32 calibrated class probabilities."""
        several = [attribute.multi_label for attribute in self.taxonomy]
        return posteriors(outputs.logits, self.loss.class_log_weight, self.taxonomy.sizes, several)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Give the optimizer, and the schedule over all steps of the training.

        Raises:
            ConfigError: The training has no end.
        """
        optimizer = build_optimizer(self, self.optimizer_config)
        num_steps = self._num_steps()
        # Where steps are limited and epochs are not, the loaders may not have been counted yet.
        self.trainer.fit_loop.setup_data()
        batches = self.trainer.num_training_batches
        steps_per_epoch = math.ceil(batches / self.trainer.accumulate_grad_batches)
        schedule = build_schedule(optimizer, self.optimizer_config, num_steps, steps_per_epoch)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "lr"},
        }

    def _num_steps(self) -> int:
        """Give the number of steps of the whole training."""
        steps = self.trainer.estimated_stepping_batches
        if steps == math.inf:
            raise ConfigError(
                "a training without end has no schedule: set --trainer.max_epochs or "
                "--trainer.max_steps; --trainer.max_time may still end it earlier."
            )
        return int(steps)

    def _log_scores(
        self, split: str, scores: Mapping[str, Tensor], shown: str | None = None
    ) -> None:
        """Log means, not the counts of queries and images, which do not change.

        All processes hold the same scores; Lightning warns unless it may average them. Scores of
        another ranking than the configured one would pass for its own under the same names.
        """
        prefix = split if self.ranks_as_configured else f"rankings/{self.ranking}/{split}"
        for name, value in scores.items():
            if value.is_floating_point():
                key = printable(f"{prefix}/{name}")
                self.log(key, value, prog_bar=name == shown, sync_dist=True)

    def _update(self, metrics: RetrievalMetrics, batch: Batch) -> None:
        embeddings, _ = self.look(batch["image"])
        metrics.update(
            embeddings, batch["targets"], batch["roles"], batch["index"], batch["product"]
        )


def build_task(hyper_parameters: Mapping[str, Any]) -> M3NetTask:
    """Rebuild a task, with random weights, from the hyper-parameters in a checkpoint.

    Settings that a checkpoint of an older version lacks are the defaults, which do as it did.

    Raises:
        CheckpointError: They are damaged, or there are some that this version does not know.
        ConfigError: They describe no network.
    """
    plain = {name: own for name, own in hyper_parameters.items() if name != "labels"}
    try:
        counts = ClassCounts.from_plain(hyper_parameters["labels"])
        settings = read_as(_HyperParameters, plain)
    except MismatchError as error:
        whose = "was written by another version of m3net" if error.unknown else "is damaged"
        raise CheckpointError(
            f"the checkpoint {whose} ({error}): use that version, or train again."
        ) from error
    except (ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f"the classes of the checkpoint are damaged: {error}.") from error
    return M3NetTask(counts, **dict(settings))


_HyperParameters = arguments_of(M3NetTask, skip=frozenset({"class_counts"}))
