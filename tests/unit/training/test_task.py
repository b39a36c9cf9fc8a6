"""The task with Lightning's trainer from Python: checkpoints, resumption, logs, gradients."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import nn

from m3net.boundary.typed import read_as
from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.errors import CheckpointError, ConfigError
from m3net.losses import CenterTriplets, InstanceTriplets, LocalAlignment, Term
from m3net.metrics import MetricsConfig
from m3net.models import AsenConfig, AsenPPConfig, AsenV2Config, M3NetConfig, NetworkConfig
from m3net.models.asen_pp import LocalConfig
from m3net.models.representations import Ranking
from m3net.models.restoring import build_retriever
from m3net.training.optimization import OptimizerConfig, build_optimizer
from m3net.training.task import M3NET_LOSS, M3NetTask, Prediction

FULL = M3NetConfig(
    backbone="resnet10t", pretrained=False, attention_dim=8, value_dim=8, class_dim=4
)
LOCAL = LocalConfig("test_resnet", size=32, start=0.5)
TINY: dict[str, Any] = {"backbone": "resnet10t", "pretrained": False, "attention_dim": 8}
ASEN = AsenConfig(**TINY, embedding_dim=8)
TWO_STAGES = AsenPPConfig(**TINY, embedding_dim=8, local=LOCAL)
VARIANTS = {
    "m3net": FULL,
    "m3net_a": replace(FULL, class_attention=False),
    "m3net_c": replace(FULL, attribute_attention=False),
    "asen": ASEN,
    "asen_v2": AsenV2Config(**TINY),
    "asen_pp": replace(TWO_STAGES, local=replace(LOCAL, start=0.0)),
}
PP_LOSS: dict[str, Term] = {
    **M3NET_LOSS,
    "local": InstanceTriplets(0.1, vectors="local"),
    "align": LocalAlignment(0.1),
}
STEPS_OF_AN_EPOCH = 3


def shop() -> SyntheticDataModule:
    """Give 60 garments, 37 of them to train on, as they are."""
    loading = LoadingConfig(image_size=32, batch_size=12, num_workers=0, augmentation="none")
    return SyntheticDataModule(num_images=60, drawn_size=32, loading=loading)


def loss_of(network: NetworkConfig) -> dict[str, Term]:
    return PP_LOSS if isinstance(network, AsenPPConfig) else {**M3NET_LOSS}


def new_task(
    data: SyntheticDataModule,
    network: NetworkConfig = FULL,
    loss: dict[str, Term] | None = None,
    optimizer: OptimizerConfig = OptimizerConfig(),
    ranking: Ranking = "class",
) -> M3NetTask:
    torch.manual_seed(0)
    return M3NetTask(data.class_counts(), network, loss or loss_of(network), optimizer, ranking)


def trainer(folder: Path, epochs: int = 1, *callbacks: Callback, sanity: int = 0) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(own, ModelCheckpoint) for own in callbacks),
        num_sanity_val_steps=sanity,
    )


@pytest.fixture(scope="module")
def data() -> SyntheticDataModule:
    return shop()


@pytest.fixture(scope="module")
def fitted(
    data: SyntheticDataModule, tmp_path_factory: pytest.TempPathFactory
) -> tuple[M3NetTask, Path]:
    """A task after an epoch, and its checkpoint."""
    folder = tmp_path_factory.mktemp("fitted")
    task = new_task(data)
    own = trainer(folder, 1, ModelCheckpoint(folder, filename="only"))
    own.fit(task, datamodule=data)
    return task, folder / "only.ckpt"


def predictions(task: M3NetTask, data: SyntheticDataModule, folder: Path) -> list[Prediction]:
    found = trainer(folder).predict(task, datamodule=data)
    return list(found or [])


def test_a_checkpoint_holds_plain_values_beside_its_weights(fitted: tuple[M3NetTask, Path]) -> None:
    contents = torch.load(fitted[1], weights_only=True)

    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(type(key) is str for key in value)
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)
        else:
            assert type(value) in (str, int, float, bool, type(None)), value

    check(contents["hyper_parameters"])
    names = [attribute["name"] for attribute in contents["hyper_parameters"]["labels"]["taxonomy"]]
    assert names == list(fitted[0].retriever.taxonomy.names)


def test_a_retriever_built_from_a_checkpoint_predicts_the_same(
    fitted: tuple[M3NetTask, Path], data: SyntheticDataModule, tmp_path: Path
) -> None:
    task, file = fitted
    contents = torch.load(file, weights_only=True)
    again = new_task(data)
    again.retriever = build_retriever(contents["hyper_parameters"])
    again.load_state_dict(contents["state_dict"])
    ours, theirs = (predictions(one, data, tmp_path) for one in (again, task))
    index = torch.cat([batch["index"] for batch in ours])
    assert index.tolist() == list(range(len(data.contents.splits.test)))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one["index"], other["index"])
        assert torch.equal(one["probabilities"], other["probabilities"])
        pairs = zip(one["embeddings"], other["embeddings"], strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


def test_a_checkpoint_says_how_its_task_is_evaluated(data: SyntheticDataModule) -> None:
    assert new_task(data).val_metrics.protocol == data.protocol == "single"
    config = MetricsConfig(cutoffs=(1, 20), without_relevant="skip", top_k=3)
    task = M3NetTask(data.class_counts(), FULL, metrics=config, protocol="multi")
    assert task.val_metrics.config == task.test_metrics.config == config
    assert read_as(MetricsConfig, task.hparams["metrics"]) == config
    assert task.hparams["protocol"] == task.test_metrics.protocol == "multi"


def test_settings_that_older_checkpoints_lack_are_the_defaults(data: SyntheticDataModule) -> None:
    """Older versions wrote neither these settings nor what a newer part of a config names."""
    about = dict(new_task(data).hparams)
    for name in ("metrics", "mirror", "protocol", "ranking"):
        del about[name]
    network = about["network"]["init_args"]
    kept = {name: value for name, value in network.items() if name not in ("dropout", "stride")}
    about["network"] = about["network"] | {"init_args": kept}
    again = build_retriever(about)
    assert again.network.config == FULL
    assert (again.ranking, again.mirror) == ("class", False)


def test_settings_that_only_another_version_knows_are_named(data: SyntheticDataModule) -> None:
    about = dict(new_task(data).hparams)
    about["network"] = {**about["network"], "init_args": {"sharpness": 2}}
    with pytest.raises(CheckpointError, match=r"another version of m3net .*init_args.sharpness"):
        build_retriever(about)


@pytest.mark.parametrize("network", [FULL, TWO_STAGES], ids=lambda network: network.title)
def test_an_interrupted_training_ends_as_one_without_a_break(
    data: SyntheticDataModule, tmp_path: Path, network: NetworkConfig
) -> None:
    steady = OptimizerConfig(schedule="constant", warmup=0.0)
    whole = new_task(data, network, optimizer=steady, ranking="posterior")
    trainer(tmp_path, 2).fit(whole, datamodule=data)
    part = new_task(data, network, optimizer=steady, ranking="posterior")
    keep = ModelCheckpoint(tmp_path, filename="half")
    trainer(tmp_path, 1, keep).fit(part, datamodule=data)
    torch.manual_seed(99)
    rest = M3NetTask(data.class_counts(), network, loss_of(network), steady, ranking="posterior")
    own = trainer(tmp_path, 2)
    own.fit(rest, datamodule=data, ckpt_path=str(tmp_path / "half.ckpt"))
    assert own.global_step == 2 * STEPS_OF_AN_EPOCH
    expected = whole.state_dict()
    for name, value in rest.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_the_local_branch_joins_after_its_share_and_stays_in_a_longer_training(
    data: SyntheticDataModule, tmp_path: Path
) -> None:
    task = new_task(data, TWO_STAGES, ranking="attribute")
    witness, keep = Witness(), ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    trainer(tmp_path, 3, witness, keep).fit(task, datamodule=data)
    joined = ["train/local" in losses for losses in witness.losses]
    # The second epoch begins after a third of the training, the third after two.
    assert joined == [False] * 2 * STEPS_OF_AN_EPOCH + [True] * STEPS_OF_AN_EPOCH
    for epoch, more in ((1, [False, False, True]), (2, [True])):
        witness = Witness()
        again = new_task(data, TWO_STAGES, ranking="attribute")
        own, file = trainer(tmp_path, 8, witness), f"{tmp_path}/epoch={epoch}.ckpt"
        own.limit_val_batches = 0
        own.fit(again, datamodule=data, ckpt_path=file)
        joined = ["train/local" in losses for losses in witness.losses[::STEPS_OF_AN_EPOCH]]
        assert joined == more + [True] * (len(joined) - len(more))


class Witness(Callback):
    """Notes what is logged when, and the rate of each step."""

    def __init__(self) -> None:
        self.sane: dict[str, Any] | None = None
        self.rates: list[float] = []
        self.losses: list[set[str]] = []

    def on_sanity_check_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        del pl_module
        self.sane = {**trainer.callback_metrics, **trainer.logged_metrics}

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        del pl_module, batch, batch_idx
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        del pl_module, outputs, batch, batch_idx
        self.losses.append({name for name in trainer.callback_metrics if name[:5] == "train"})


@pytest.fixture(scope="module")
def watched(
    data: SyntheticDataModule, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Witness, L.Trainer]:
    witness = Witness()
    task = new_task(data, optimizer=OptimizerConfig(lr=0.01, warmup=0.34))
    own = trainer(tmp_path_factory.mktemp("watched"), 2, witness, sanity=2)
    own.fit(task, datamodule=data)
    return witness, own


def test_a_sanity_check_logs_nothing(watched: tuple[Witness, L.Trainer]) -> None:
    assert watched[0].sane == {}


def test_all_validation_images_count_though_a_sanity_check_saw_some(
    watched: tuple[Witness, L.Trainer], data: SyntheticDataModule
) -> None:
    task = watched[1].lightning_module
    assert isinstance(task, M3NetTask)
    roles = data.contents.splits.val.roles
    for row, own in zip(task.val_metrics.table()[:-2], roles.T, strict=True):
        assert (row.num_queries, row.num_gallery) == (int((own == 1).sum()), int((own == 2).sum()))


def test_the_rate_rises_and_falls_over_the_whole_training(
    watched: tuple[Witness, L.Trainer],
) -> None:
    # By hand: 6 steps, of which round(0.34 * 6) = 2 rise; then 1 + cos of 0, 45, 90, 135 degrees.
    falling = [1.0, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]
    assert watched[0].rates == pytest.approx([0.005, 0.01, *(0.01 * share for share in falling)])


@pytest.mark.parametrize(
    ("length", "rates"),
    [
        # Three batches an epoch, two to a step: two steps an epoch.
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, [8.0] * 3 + [4.0] * 3 + [2.0] * 3),
        ({"max_epochs": 2, "limit_train_batches": 2}, [8.0] * 2 + [4.0] * 2),
        ({"max_epochs": -1, "max_steps": 4}, [8.0] * 3 + [4.0]),
    ],
    ids=["accumulated", "limited", "steps"],
)
def test_the_rate_falls_after_each_epoch_under_a_step_schedule(
    data: SyntheticDataModule, length: dict[str, Any], rates: list[float]
) -> None:
    config = OptimizerConfig("adam", 8e-4, 0.0, "step", warmup=0.0, step_epochs=1, step_factor=0.5)
    witness = Witness()
    own = L.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=[witness],
        limit_val_batches=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **length,
    )
    own.fit(new_task(data, optimizer=config), datamodule=data)
    assert witness.rates == pytest.approx([1e-4 * rate for rate in rates])


def test_each_loss_is_logged_by_name(watched: tuple[Witness, L.Trainer]) -> None:
    terms = ("loss", "classification", "instance", "center")
    assert watched[0].losses == [{f"train/{name}" for name in terms}] * 2 * STEPS_OF_AN_EPOCH


@pytest.mark.parametrize("center", ["ema", "learnable"])
@pytest.mark.parametrize("network", VARIANTS.values(), ids=VARIANTS)
def test_every_weight_gets_a_gradient_in_one_step(
    data: SyntheticDataModule, network: NetworkConfig, center: Literal["ema", "learnable"]
) -> None:
    """A weight without one would stop distributed training."""
    loss = {**loss_of(network), "center": CenterTriplets(centers=center)}
    task = new_task(data, network, loss, ranking="posterior")
    batch = next(iter(data.train_dataloader()))
    task.training_step(batch, 0).backward()  # type: ignore[no-untyped-call]  # torch's gap
    without = [name for name, weight in task.named_parameters() if weight.grad is None]
    assert without == []


@pytest.mark.parametrize("network", VARIANTS.values(), ids=VARIANTS)
def test_matrices_and_kernels_decay_and_nothing_else(
    data: SyntheticDataModule, network: NetworkConfig
) -> None:
    task = new_task(data, network, ranking="posterior")
    groups = build_optimizer(task, OptimizerConfig(weight_decay=0.3)).param_groups
    decay = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    spared = {
        id(weight)
        for module in task.modules()
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm | nn.Embedding)
        for weight in module.parameters()
    }
    spared |= {id(weight) for name, weight in task.named_parameters() if name.endswith("bias")}
    for name, weight in task.named_parameters():
        assert decay[id(weight)] == (0.0 if id(weight) in spared else 0.3), name


def test_a_branch_that_no_term_trains_is_refused(data: SyntheticDataModule, tmp_path: Path) -> None:
    task = new_task(data, TWO_STAGES, {**M3NET_LOSS}, ranking="attribute")
    with pytest.raises(ConfigError, match=r"no term of model\.loss reads 'local', .* of ASEN\+\+"):
        trainer(tmp_path).fit(task, datamodule=data)


def test_weights_of_another_shape_are_refused(
    fitted: tuple[M3NetTask, Path], data: SyntheticDataModule
) -> None:
    other = new_task(data, replace(FULL, class_dim=3))
    with pytest.raises(CheckpointError, match=r"does not fit .* retriever\.network\.transform"):
        other.load_state_dict(fitted[0].state_dict())
    variant = new_task(data, VARIANTS["m3net_c"])
    with pytest.raises(CheckpointError, match="does not fit"):
        variant.load_state_dict(fitted[0].state_dict())


def test_a_training_with_another_number_of_parameters_is_not_resumed(
    data: SyntheticDataModule, fitted: tuple[M3NetTask, Path], tmp_path: Path
) -> None:
    contents = torch.load(fitted[1], weights_only=True)
    contents["optimizer_states"][0]["param_groups"][0]["params"].append(10_000)
    torch.save(contents, tmp_path / "old.ckpt")
    with pytest.raises(CheckpointError, match="kept unused stages of this backbone"):
        trainer(tmp_path, 2).fit(new_task(data), data, ckpt_path=tmp_path / "old.ckpt")
    trainer(tmp_path).test(new_task(data), data, ckpt_path=tmp_path / "old.ckpt", verbose=False)
