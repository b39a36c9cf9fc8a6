"""Mirror images at evaluation: an image is ranked by its mean with its mirror image."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.metrics import RetrievalMetrics
from m3net.models import M3NetConfig
from m3net.models.representations import Ranking
from m3net.models.restoring import build_retriever
from m3net.training.task import M3NetTask

NETWORK = M3NetConfig(
    backbone="test_resnet", pretrained=False, attention_dim=8, value_dim=8, class_dim=4
)


@pytest.fixture(scope="module")
def data() -> SyntheticDataModule:
    loading = LoadingConfig(image_size=32, batch_size=12, num_workers=0, augmentation="none")
    return SyntheticDataModule(num_images=60, drawn_size=32, loading=loading)


def new_task(data: SyntheticDataModule, ranking: Ranking, mirror: bool) -> M3NetTask:
    """A task whose classes are told apart, in evaluation."""
    torch.manual_seed(0)
    task = M3NetTask(data.class_counts(), NETWORK, ranking=ranking, mirror=mirror)
    torch.nn.init.normal_(task.retriever.network.get_parameter("classifier"))
    return task.eval()


def images_of(data: SyntheticDataModule) -> Tensor:
    images: Tensor = next(iter(data.test_dataloader()))["image"]
    return images


def vectors(task: M3NetTask, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """What prediction gives."""
    index = torch.arange(len(images))
    found = task.predict_step({"image": images, "index": index}, 0)  # type: ignore[typeddict-item]
    return found["embeddings"], found["probabilities"]


@torch.no_grad()
def test_vectors_are_the_mean_of_both_images(data: SyntheticDataModule) -> None:
    images = images_of(data)
    turned = torch.tensor(images.numpy()[:, :, :, ::-1].copy())
    assert not torch.equal(images, turned)
    task = new_task(data, "attribute", mirror=True)
    both = [task.retriever.network(own) for own in (images, turned)]
    lengths = [F.normalize(own.attributes, dim=2) for own in both]
    found, chances = vectors(task, images)
    for attribute, own in enumerate(found):
        torch.testing.assert_close(own, (lengths[0] + lengths[1])[:, attribute] / 2)
    start = 0
    for named in task.retriever.taxonomy:
        end = start + len(named.classes)
        logits = [own.logits[:, start:end] - task.retriever.log_weight[start:end] for own in both]
        first, second = (
            own.sigmoid() if named.multi_label else own.softmax(dim=1) for own in logits
        )
        torch.testing.assert_close(chances[:, start:end], (first + second) / 2)
        start = end
    assert start == chances.shape[1]


@torch.no_grad()
@pytest.mark.parametrize("ranking", ["attribute", "class", "posterior", "duet"])
def test_an_image_that_is_its_mirror_image_stays_as_it_is(
    data: SyntheticDataModule, ranking: Ranking
) -> None:
    half = images_of(data)[:, :, :, :16]
    images = torch.cat([half, half.flip(3)], dim=3)
    with_it, without = (new_task(data, ranking, mirror) for mirror in (True, False))
    for own, other in zip(vectors(with_it, images)[0], vectors(without, images)[0], strict=True):
        torch.testing.assert_close(own, other)
    # Others are seen anew.
    found, plain = (vectors(task, images_of(data))[0][0] for task in (with_it, without))
    assert not torch.allclose(found, plain)


@torch.no_grad()
def test_an_image_and_its_mirror_image_are_the_same(data: SyntheticDataModule) -> None:
    task, images = new_task(data, "duet", mirror=True), images_of(data)
    for own, other in zip(*(vectors(task, i)[0] for i in (images, images.flip(3))), strict=True):
        torch.testing.assert_close(own, other)


@torch.no_grad()
def test_validation_and_test_rank_what_prediction_gives(data: SyntheticDataModule) -> None:
    task = new_task(data, "class", mirror=True)
    sizes = task.retriever.taxonomy.sizes
    metrics = RetrievalMetrics(task.retriever.taxonomy.names, sizes, protocol="single")
    for batch in data.test_dataloader():
        task.validation_step(batch, 0)
        task.test_step(batch, 0)
        own = task.predict_step(batch, 0)["embeddings"]
        metrics.update(own, batch["targets"], batch["roles"], batch["index"], batch["product"])
    expected = [str(row) for row in metrics.table()]  # nan is not nan
    for found in (task.val_metrics, task.test_metrics):
        assert [str(row) for row in found.table()] == expected


def test_a_checkpoint_knows_and_an_older_one_has_none(data: SyntheticDataModule) -> None:
    task = new_task(data, "class", mirror=True)
    assert build_retriever(task.hparams).mirror
    older = {name: own for name, own in task.hparams.items() if name != "mirror"}
    assert not build_retriever(older).mirror
