"""DeepFashion as batches by both of its protocols, against what was written."""

from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from m3net.base.protocol import Protocol
from m3net.data.annotations.findings import Findings
from m3net.data.datamodules import DeepFashionDataModule, LoadingConfig
from m3net.data.photos.preparation import CopySettings, Preparation
from m3net.data.records import Records, Role
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError
from tests.support.fake.deepfashion import TYPES, Fake, write_deepfashion

LOADING = LoadingConfig(image_size=32, batch_size=16, num_workers=0, augmentation="none")
BOTH = int(Role.QUERY | Role.GALLERY)


def opened(root: Path, **given: Any) -> DeepFashionDataModule:  # noqa: ANN401
    """Open files that do not claim to be the published ones."""
    settings: dict[str, Any] = {"published": False, "loading": LOADING} | given
    return DeepFashionDataModule(str(root), **settings)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deepfashion")


@pytest.fixture(scope="module")
def fake(root: Path) -> Fake:
    return write_deepfashion(root)


@pytest.fixture
def own_root(root: Path, fake: Fake, tmp_path: Path) -> Path:
    """The annotation files without images, to spoil them."""
    assert fake.photos
    for file in root.glob("**/*.txt"):
        copy = tmp_path / file.relative_to(root)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return tmp_path


def class_id(fake: Fake, row: int) -> int:
    first = np.cumsum([0, *TYPES.values()])
    return int(first[fake.types[row]] + fake.ranks[row])


@pytest.mark.parametrize("layout", ["index", "raw"])
@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_by_label_every_label_of_a_batch_asks(
    root: Path, fake: Fake, name: str, layout: str
) -> None:
    module = opened(root, layout=layout)
    assert module.protocol == "multi"
    photos = fake.of(name)
    records: Records = getattr(module.contents.splits, name)
    assert records.paths.tolist() == [photo.path for photo in photos]
    for batch in getattr(module, f"{name}_dataloader")():
        for place, index in enumerate(batch["index"].tolist()):
            rows = photos[index].rows
            carried = batch["targets"][place].nonzero().flatten().tolist()
            assert carried == sorted(class_id(fake, row) for row in rows)
            kinds = {fake.types[row] for row in rows}
            assert batch["annotated"][place].tolist() == [kind in kinds for kind in range(5)]
            role = 0 if name == "train" else BOTH
            expected = [role * (kind in kinds) for kind in range(5)]
            assert batch["roles"][place].tolist() == expected


@pytest.mark.parametrize("name", ["val", "test"])
def test_by_image_a_batch_holds_the_one_label_of_the_lists(
    root: Path, fake: Fake, name: str
) -> None:
    module = opened(root, protocol="single")
    assert module.protocol == "single"
    first = np.cumsum([0, *TYPES.values()])
    for batch in getattr(module, f"{name}_dataloader")():
        for place, index in enumerate(batch["index"].tolist()):
            listed, attribute, value = fake.triples[name][index]
            assert listed == index
            assert batch["targets"][place].nonzero().tolist() == [[first[attribute] + value]]
            role = Role.QUERY if index in fake.asked[name] else Role.GALLERY
            expected = [role * (kind == attribute) for kind in range(5)]
            assert batch["roles"][place].tolist() == expected


def test_both_protocols_train_on_all_labels(root: Path, fake: Fake) -> None:
    labels = sum(len(photo.rows) for photo in fake.of("train"))
    for protocol in ("single", "multi"):
        train = opened(root, protocol=protocol).contents.splits.train
        assert len(train.class_ids) == labels


def test_by_image_no_names_are_needed(own_root: Path, fake: Fake) -> None:
    (own_root / "Anno" / "list_attr_cloth.txt").unlink()
    findings = Findings()
    contents = opened(own_root, protocol="single").read(findings)
    assert contents.taxonomy.sizes == tuple(TYPES.values())
    assert len(contents.splits.test) == len(fake.of("test"))
    assert "named by numbers" in findings.notes[0]
    for given in ({}, {"layout": "raw"}, {"protocol": "single", "train_list": "rebuilt"}):
        with pytest.raises(DatasetNotFoundError, match=r"list_attr_cloth\.txt"):
            _ = opened(own_root, **given).contents


def test_a_rebuilt_training_list_is_all_labelled_images_that_are_not_evaluated(
    own_root: Path, fake: Fake
) -> None:
    for name in ("filenames_train.txt", "label_train.txt"):
        (own_root / name).unlink()
    # What the lists evaluate, not what the download's own partition says.
    lists = [own_root / f"filenames_{suffix}.txt" for suffix in ("valid", "test")]
    lists[0].write_text("\n".join(lists[0].read_text(encoding="utf-8").split()[:-5]))
    lines = (own_root / "label_valid.txt").read_bytes().splitlines(keepends=True)
    (own_root / "label_valid.txt").write_bytes(b"".join(lines[:-5]))
    evaluated = {path for file in lists for path in file.read_text(encoding="utf-8").split()}
    findings = Findings()
    train = opened(own_root, train_list="rebuilt").read(findings).splits.train
    photos = [photo for photo in fake.photos if photo.rows and photo.path not in evaluated]
    assert train.paths.tolist() == [photo.path for photo in photos]
    assert len(photos) == len(fake.of("train")) + 5
    for place, photo in enumerate(photos):
        expected = tuple(sorted(class_id(fake, row) for row in photo.rows))
        assert train[place].class_ids == expected
    assert f"rebuilt from list_attr_img.txt: {len(photos)} images" in findings.notes[-1]


def cut_out(file: Path, box: tuple[int, int, int, int], margin: float) -> NDArray[np.uint8]:
    """Crop with Pillow, which fills with black what is outside; nothing of that is wanted."""
    x1, y1, x2, y2 = box
    wide, high = round(margin * (x2 - x1)), round(margin * (y2 - y1))
    with Image.open(file) as image:
        corners = (max(x1 - wide, 0), max(y1 - high, 0), x2 + wide, y2 + high)
        inside = (*corners[:2], min(corners[2], image.width), min(corners[3], image.height))
        return np.array(image.crop(inside))


@pytest.mark.parametrize("margin", [0.0, 0.1, 3.0])
def test_images_are_cropped_to_their_boxes_with_a_margin(
    root: Path, fake: Fake, margin: float
) -> None:
    contents = opened(root, crop_margin=margin).contents
    for name, part in contents.splits.named().items():
        for place, photo in enumerate(fake.of(name)[:12]):
            shown = contents.reader(part[place])
            expected = cut_out(root / photo.path, photo.box, margin)
            assert shown.shape == expected.shape
            assert np.abs(shown.astype(int) - expected).max() <= 2


def test_crops_come_into_the_batches(own_root: Path, fake: Fake) -> None:
    """A red garment on blue; its batch is red alone."""
    for photo in fake.photos:
        pixels = np.zeros((60, 50, 3), dtype=np.uint8)
        pixels[..., 0] = 255
        x1, y1, x2, y2 = photo.box
        pixels[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1] = (0, 0, 255)
        (own_root / photo.path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(own_root / photo.path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])
    loading = LoadingConfig(image_size=32, batch_size=8, num_workers=0, resize="stretch")
    module = opened(own_root, crop_margin=0.0, loading=loading)
    for batch in (next(iter(module.train_dataloader())), next(iter(module.val_dataloader()))):
        red, _, blue = batch["image"].float().mean(dim=(0, 2, 3))
        assert red > 10 * blue
    whole = next(iter(opened(own_root, loading=loading).val_dataloader()))
    red, _, blue = whole["image"].float().mean(dim=(0, 2, 3))
    assert blue > red


def test_boxes_do_not_apply_to_small_copies(own_root: Path, root: Path, fake: Fake) -> None:
    copies = own_root / "copies"
    for _ in Preparation(root, copies, CopySettings(side=20)).run(0):
        pass
    given = {"annotations": str(own_root)}
    assert len(opened(copies, **given).contents.splits.test) == len(fake.of("test"))
    module = opened(copies, crop_margin=0.1, **given)
    with pytest.raises(ConfigError, match=r"small copies.*Set data\.root.*data\.crop_margin"):
        _ = module.contents
    findings = Findings(keep_going=True)
    module.read(findings)
    assert [type(problem) for problem in findings.problems] == [ConfigError]


def test_a_margin_needs_boxes(own_root: Path) -> None:
    (own_root / "Anno" / "list_bbox.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"list_bbox\.txt"):
        _ = opened(own_root, crop_margin=0.1).contents
    opened(own_root).read(Findings())


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_published_counts_are_named_beside_those_found(
    root: Path, fake: Fake, protocol: Protocol
) -> None:
    number = len(fake.of("val"))
    with pytest.raises(AnnotationError) as caught:
        _ = DeepFashionDataModule(str(root), protocol=protocol).contents
    assert f"DeepFashion val: {number} images" in str(caught.value)
    assert "published files have 27,625" in str(caught.value)


def test_published_labels_are_counted_for_each_type(root: Path, fake: Fake) -> None:
    findings = Findings(keep_going=True)
    DeepFashionDataModule(str(root)).read(findings)
    labels = sum(fake.types[row] == 0 for photo in fake.of("test") for row in photo.rows)
    told = f"DeepFashion test: {labels} labels of texture, but the published files have 19,037"
    assert [str(problem) for problem in findings.problems if told in str(problem)]


def test_the_raw_files_have_no_protocol_by_image() -> None:
    with pytest.raises(ConfigError, match=r"data\.protocol=multi"):
        DeepFashionDataModule(layout="raw", protocol="single")


def test_statistics_count_the_training_labels(root: Path, fake: Fake) -> None:
    found = opened(root).class_counts()
    counts = np.zeros(1000, dtype=int)
    for photo in fake.of("train"):
        for row in photo.rows:
            counts[class_id(fake, row)] += 1
    assert list(found.positives) == counts.tolist()
    kinds = [{fake.types[row] for row in photo.rows} for photo in fake.of("train")]
    images = [sum(kind in own for own in kinds) for kind in range(5)]
    assert list(found.annotated) == np.repeat(images, list(TYPES.values())).tolist()
