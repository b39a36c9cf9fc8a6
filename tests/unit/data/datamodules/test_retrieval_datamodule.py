"""What all data modules share: full training batches, each evaluation image once, clear errors."""

from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from m3net.data.batch import Batch
from m3net.data.datamodules import BaseDataModule, LoadingConfig, SyntheticDataModule
from m3net.data.samplers import BalancedSampler, ShuffleSampler, TripletSampler
from m3net.errors import ConfigError

LOADING = LoadingConfig(image_size=32, batch_size=8, num_workers=0)


class Share(SyntheticDataModule):
    """The catalogue as one of several processes sees it."""

    def __init__(self, place: tuple[int, int], num_images: int = 89, **loading: Any) -> None:  # noqa: ANN401 - of any kind
        super().__init__(num_images, drawn_size=32, loading=replace(LOADING, **loading))
        self.place = place

    def rank(self) -> tuple[int, int]:
        return self.place


def share_out(world_size: int, **settings: Any) -> list[Share]:  # noqa: ANN401 - of any kind
    """Give the data module of each process."""
    return [Share((rank, world_size), **settings) for rank in range(world_size)]


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("name", ["val", "test", "predict"])
def test_evaluation_sees_each_image_exactly_once(name: str, world_size: int) -> None:
    met: Counter[int] = Counter()
    for share in share_out(world_size):
        for batch in getattr(share, f"{name}_dataloader")():
            met.update(batch["index"].tolist())
    splits = Share((0, 1)).contents.splits
    images = len(splits.val if name == "val" else splits.test)
    # Neither two nor three processes get equal shares.
    assert images % 2
    assert images % 3
    assert met == Counter(range(images))


def test_a_single_process_evaluates_in_order() -> None:
    (share,) = share_out(1)
    met = [i for batch in share.test_dataloader() for i in batch["index"].tolist()]
    assert met == list(range(len(share.contents.splits.test)))


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_training_batches_are_full_and_as_many_on_each_process(
    sampling: str, world_size: int
) -> None:
    images = len(Share((0, 1)).contents.splits.train)
    assert images % (8 * world_size)
    for share in share_out(world_size, sampling=sampling):
        loader = share.train_dataloader()
        sizes = [len(batch["index"]) for batch in loader]
        assert sizes == [8] * (images // (8 * world_size))
        assert len(loader) == len(sizes)


def test_sampling_and_its_settings_reach_the_sampler() -> None:
    shuffled = Share((1, 2), sampling="shuffle", seed=5).train_dataloader().sampler
    assert type(shuffled) is ShuffleSampler
    assert (shuffled.seed, shuffled.rank, shuffled.num_replicas) == (5, 1, 2)
    balanced = Share((0, 1), sampling="balanced", images_per_class=3).train_dataloader().sampler
    assert isinstance(balanced, BalancedSampler)
    assert balanced.images_per_class == 3
    share = Share((1, 2), sampling="triplets", batch_size=12, triplets_per_epoch=41, seed=5)
    triplets = share.train_dataloader().sampler
    assert isinstance(triplets, TripletSampler)
    assert (triplets.seed, triplets.rank, triplets.num_replicas) == (5, 1, 2)
    assert len(triplets) == 12 * (41 // 8)


def test_batches_of_triplets_say_for_which_attribute_each_was_drawn() -> None:
    share = Share((0, 1), sampling="triplets", batch_size=12, triplets_per_epoch=30)
    slices, attributes = share.contents.taxonomy.slices, set()
    loader = share.train_dataloader()
    assert len(loader) == len(list(loader)) == 7
    for batch in loader:
        assert len(batch["image"]) == 12
        for k in range(0, 12, 3):
            [attribute] = set(batch["drawn_for"][k : k + 3].tolist())
            anchor, positive, negative = batch["targets"][k : k + 3, slices[attribute]]
            assert (anchor & positive & ~negative).any()
            assert negative.any()
            assert batch["annotated"][k : k + 3, attribute].all()
            attributes.add(attribute)
    assert len(attributes) > 1


def test_batches_of_other_samplings_are_drawn_for_all_attributes() -> None:
    share = Share((0, 1), sampling="balanced")
    for loader in (share.train_dataloader(), share.val_dataloader()):
        assert {a for batch in loader for a in batch["drawn_for"].tolist()} == {-1}


def test_an_attribute_that_gives_no_triplet_is_named(caplog: pytest.LogCaptureFixture) -> None:
    share = Share((0, 1), sampling="triplets", batch_size=12)
    contents = share.contents
    first, second = contents.taxonomy.names[:2]
    train, [of_first, *_] = contents.splits.train, contents.taxonomy.slices
    targets = train.targets(range(len(train)))[:, of_first]
    alike = np.flatnonzero((targets == [True] + [False] * (targets.shape[1] - 1)).all(axis=1))
    splits = replace(contents.splits, train=train.select(alike))
    share.contents = replace(contents, splits=splits)
    with caplog.at_level("INFO", logger="m3net"):
        share.train_dataloader()
    [line] = [line for line in caplog.messages if "triplet" in line]
    assert first in line
    assert second not in line


def test_no_loader_leaves_room_for_lightning_to_shuffle() -> None:
    share = Share((0, 1))
    for name in ("train", "val", "test", "predict"):
        sampler = getattr(share, f"{name}_dataloader")().sampler
        assert not isinstance(sampler, RandomSampler)


def pixels(loader: DataLoader[Batch], epoch: int) -> dict[int, Tensor]:
    """What an epoch makes of each image."""
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]  # all are distributed samplers
    return {
        index: image
        for batch in loader
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True)
    }


def test_only_training_images_are_augmented() -> None:
    share = Share((0, 1), augmentation="strong")
    for name, equal in (("train", False), ("val", True), ("test", True)):
        loader = getattr(share, f"{name}_dataloader")()
        first, second = (pixels(loader, epoch) for epoch in range(2))
        shared = first.keys() & second.keys()
        assert len(shared) > 5
        assert all(torch.equal(first[i], second[i]) for i in shared) == equal


@pytest.mark.parametrize(
    ("place", "loading", "word"),
    [
        ((0, 1), {"batch_size": 66}, "batch_size"),
        ((0, 2), {"batch_size": 33}, "batch_size"),
        ((0, 8), {"batch_size": 1}, "val split"),
    ],
)
def test_too_few_images_are_refused_before_the_first_batch(
    place: tuple[int, int], loading: dict[str, Any], word: str
) -> None:
    share = Share(place, **loading)
    with pytest.raises(ConfigError, match=word):
        share.setup("fit")


def test_triplets_need_no_image_for_each_place_of_a_batch() -> None:
    share = Share((0, 2), sampling="triplets", batch_size=66, triplets_per_epoch=44)
    share.setup("fit")
    assert [len(batch["image"]) for batch in share.train_dataloader()] == [66]


def test_enough_images_are_accepted() -> None:
    splits = Share((0, 1)).contents.splits
    Share((0, 1), batch_size=len(splits.train)).setup("fit")
    with pytest.raises(ConfigError):
        Share((0, 1), batch_size=len(splits.train) + 1).setup("fit")
    Share((0, len(splits.test))).setup("test")
    with pytest.raises(ConfigError, match="test split"):
        Share((0, len(splits.test) + 1)).setup("test")


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 0},
        {"batch_size": 0},
        {"images_per_class": 0},
        {"triplets_per_epoch": 0},
        {"num_workers": -1},
    ],
)
def test_sizes_that_make_no_batch_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        LoadingConfig(**change)  # type: ignore[arg-type]  # all of these are integers


def test_checkpoints_keep_how_images_were_prepared() -> None:
    module = BaseDataModule(replace(LOADING, resize="crop"))
    assert module.hparams["loading"] == asdict(replace(LOADING, resize="crop"))
    assert LoadingConfig(**module.hparams["loading"]) == replace(LOADING, resize="crop")
    assert all(type(value) in (int, str) for value in module.hparams["loading"].values())


def test_images_without_labels_have_no_statistics() -> None:
    assert BaseDataModule(LOADING).class_counts() is None
