"""The built-in catalogue as batches, against the garments themselves."""

from collections import Counter

import numpy as np
import pytest
import torch

from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.data.records import Role
from m3net.data.synthetic import TAXONOMY, draw, sample_garment

LOADING = LoadingConfig(image_size=32, batch_size=8, num_workers=0, augmentation="none")


@pytest.fixture(scope="module")
def module() -> SyntheticDataModule:
    return SyntheticDataModule(150, drawn_size=32, seed=4, loading=LOADING)


def garments_of(paths: list[str]) -> list[int]:
    """The numbers of the garments, which their paths end with."""
    return [int(path.removesuffix(".png")[-6:]) for path in paths]


def test_splits_share_no_garment_and_leave_none_out(module: SyntheticDataModule) -> None:
    splits = module.contents.splits
    parts = [garments_of(part.paths.tolist()) for part in (splits.train, splits.val, splits.test)]
    assert sorted(sum(parts[1:], parts[0])) == list(range(150))


def test_every_evaluated_garment_is_query_or_gallery_where_it_is_annotated(
    module: SyntheticDataModule,
) -> None:
    for part in (module.contents.splits.val, module.contents.splits.test):
        assert np.isin(part.roles[part.annotated], [int(Role.QUERY), int(Role.GALLERY)]).all()
        assert not part.roles[~part.annotated].any()


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_batches_hold_pixels_and_labels_of_the_garments(
    name: str, module: SyntheticDataModule
) -> None:
    paths = getattr(module.contents.splits, name).paths.tolist()
    batch = next(iter(getattr(module, f"{name}_dataloader")()))
    for place, index in enumerate(batch["index"].tolist()):
        garment = sample_garment(4, garments_of([paths[index]])[0])
        image = torch.from_numpy(draw(garment, 32)).permute(2, 0, 1)
        assert torch.equal(batch["image"][place], image)
        labels = garment.labels()
        for a, attribute in enumerate(TAXONOMY):
            assert batch["annotated"][place, a].item() == (attribute.name in labels)
            carried = batch["targets"][place, TAXONOMY.slices[a]].tolist()
            assert carried == [c in labels.get(attribute.name, ()) for c in attribute.classes]


def test_class_counts_equal_a_count_over_the_training_garments(
    module: SyntheticDataModule,
) -> None:
    positives: Counter[tuple[str, str]] = Counter()
    annotated: Counter[str] = Counter()
    for number in garments_of(module.contents.splits.train.paths.tolist()):
        for attribute, classes in sample_garment(4, number).labels().items():
            annotated[attribute] += 1
            positives.update((attribute, c) for c in classes)
    found = module.class_counts()
    assert found.taxonomy == TAXONOMY
    pairs = [(a.name, c) for a in TAXONOMY for c in a.classes]
    assert list(found.positives) == [positives[pair] for pair in pairs]
    assert list(found.annotated) == [annotated[attribute] for attribute, _ in pairs]


def test_equal_seeds_give_equal_catalogues_and_others_do_not(module: SyntheticDataModule) -> None:
    again = SyntheticDataModule(150, drawn_size=32, seed=4, loading=LOADING)
    other = SyntheticDataModule(150, drawn_size=32, seed=5, loading=LOADING)
    images, same, different = (
        next(iter(m.test_dataloader()))["image"] for m in (module, again, other)
    )
    assert torch.equal(images, same)
    assert not torch.equal(images, different)


def test_another_split_seed_divides_the_same_garments_otherwise(
    module: SyntheticDataModule,
) -> None:
    other = SyntheticDataModule(150, drawn_size=32, seed=4, split_seed=1, loading=LOADING)
    assert module.contents.splits.test.paths.tolist() != other.contents.splits.test.paths.tolist()


def test_fractions_are_kept_nearly() -> None:
    module = SyntheticDataModule(600, fractions=(0.4, 0.2, 0.4), loading=LOADING)
    splits = module.contents.splits
    for part, fraction in ((splits.train, 0.4), (splits.val, 0.2), (splits.test, 0.4)):
        assert abs(len(part) - 600 * fraction) < 4 * (600 * fraction * (1 - fraction)) ** 0.5
