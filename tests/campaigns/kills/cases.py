"""What is trained and killed: each shipped model, and settings that keep more state."""

from pathlib import Path

from m3net.data.synthetic import write_catalogue
from tests.support.commands import CONFIGS

SETTINGS = """
experiment: kills
data:
  class_path: CatalogueDataModule
  init_args:
    file: {catalogue}
    columns: {{attributes: [sleeve_length, details]}}
    fractions: [0.5, 0.2, 0.3]
"""
# After the shipped files, which would choose large images and batches.
SMALL = """
data:
  init_args:
    loading: {image_size: 32, batch_size: 12, num_workers: 0, triplets_per_epoch: 24}
model:
  network:
    init_args: {backbone: test_resnet, pretrained: false, attention_dim: 16}
  metrics: {top_k: 0}
trainer:
  max_epochs: 3
  log_every_n_steps: 1
  accelerator: cpu
  devices: 1
  precision: 32-true
  enable_progress_bar: false
"""
STOPPING = """
trainer:
  max_epochs: 12
  callbacks:
    - class_path: lightning.pytorch.callbacks.EarlyStopping
      init_args: {monitor: val/map_all, mode: max, patience: 2}
"""
MODELS = ("asen", "asen_pp", "asen_v2", "m3net", "m3net_a", "m3net_c", "m3net_plus", "modc")
WITHIN = "--last_every_n_steps=2"
STARTING = "starting"
"""The case that is stopped while loader processes start."""
TWO = "two"
"""The case of two processes, one of which is killed, from the start of the second on."""
_WORKERS = "--data.init_args.loading.num_workers=2"
_PLUS = ("model/m3net_plus.yaml", "small")
_SCRATCH = ("model/m3net_plus.yaml", "setting/scratch.yaml", "small")
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{name: ((f"model/{name}.yaml", "small"), ()) for name in MODELS},
    "faithful": (("model/asen.yaml", "setting/faithful.yaml", "small"), ()),
    "workers": (_PLUS, (_WORKERS,)),
    "within": (_PLUS, (_WORKERS, WITHIN)),
    "triplets_within": (
        ("model/asen_pp.yaml", "setting/faithful.yaml", "setting/faithful_asen_pp.yaml", "small"),
        (WITHIN,),
    ),
    "balanced_within": (
        ("model/modc.yaml", "small"),
        (WITHIN, "--data.init_args.loading.sampling=balanced"),
    ),
    "learnable": (("model/m3net.yaml", "small"), ("--model.loss.center.centers=learnable", WITHIN)),
    "bf16": (_PLUS, ("--trainer.precision=bf16-mixed", WITHIN)),
    "stopping": ((*_PLUS, "stopping"), ()),
    "steps": (_PLUS, ("--trainer.max_epochs=-1", "--trainer.max_steps=21")),
    "steps_within": (_PLUS, ("--trainer.max_epochs=-1", "--trainer.max_steps=15", WITHIN)),
    "halves": (_PLUS, ("--trainer.val_check_interval=0.5", WITHIN)),
    "strong": (
        ("model/m3net_c.yaml", "small"),
        ("--data.init_args.loading.augmentation=strong", "--trainer.accumulate_grad_batches=2"),
    ),
    STARTING: (_PLUS, (_WORKERS, WITHIN, "--trainer.callbacks+=tests.support.faults.SlowLoaders")),
    "muon": (_SCRATCH, (WITHIN,)),
    TWO: (_SCRATCH, (_WORKERS, WITHIN, "--trainer.strategy=ddp", "--trainer.devices=2")),
}
"""For each name the config files and further words."""
TRUST = ("lightning.pytorch.callbacks.EarlyStopping", "tests.support.faults.SlowLoaders")
"""Classes that trainings that go on are told to trust."""


def prepare(folder: Path) -> None:
    """Write photos and settings.

    Args:
        folder: Empty.
    """
    catalogue = write_catalogue(folder / "photos", 160, 48, seed=0)
    (folder / "shop.yaml").write_text(SETTINGS.format(catalogue=catalogue), encoding="utf-8")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    (folder / "stopping.yaml").write_text(STOPPING, encoding="utf-8")


def words_of(case: str, folder: Path) -> list[str]:
    """Give the words of a case's training, from its data on.

    Args:
        case: Its name.
        folder: Where `prepare` has written.
    """
    files, further = CASES[case]
    words = ["--config", str(folder / "shop.yaml")]
    for name in files:
        file = CONFIGS / name if "/" in name else folder / f"{name}.yaml"
        words += ["--config", str(file)]
    return [*words, *further]
