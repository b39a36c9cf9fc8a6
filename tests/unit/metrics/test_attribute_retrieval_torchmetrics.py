"""The metric of an attribute as a torchmetrics Metric: copies, batches, collections, plots."""

import pickle
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torchmetrics import MetricCollection

from m3net.metrics import COUNTS, AttributeRetrieval, Images, MetricsConfig, metric_names, rank

NAMES = {*metric_names((100,)), *COUNTS}
Batch = dict[str, Tensor]


def batches() -> list[Batch]:
    """Draw 20 images in each of three batches, all of them queries and gallery."""
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "embeddings": torch.randn(20, 4, generator=generator),
            "targets": torch.rand(20, 3, generator=generator) < 0.4,
            "roles": torch.full((20,), 3, dtype=torch.uint8),
            "index": torch.arange(start, start + 20),
        }
        for start in (0, 20, 40)
    ]


def updated(*parts: Batch) -> AttributeRetrieval:
    metric = AttributeRetrieval(3)
    for part in parts:
        metric.update(**part)
    return metric


def numbers(scores: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in scores.items()}


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    """Draw into memory, and close all figures."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_a_copy_goes_its_own_way() -> None:
    first, second, _ = batches()
    metric = updated(first)
    before = numbers(metric.compute())
    for copied in (metric.clone(), pickle.loads(pickle.dumps(metric))):  # noqa: S301 - our own
        assert isinstance(copied, AttributeRetrieval)
        assert numbers(copied.compute()) == before
        copied.update(**second)
        assert numbers(copied.compute()) == numbers(updated(first, second).compute())
        assert len(copied.results()) > len(metric.results())
    assert numbers(metric.compute()) == before


def test_forward_gives_the_scores_of_a_batch_and_keeps_all() -> None:
    metric = AttributeRetrieval(3)
    for part in batches():
        assert numbers(metric(**part)) == numbers(updated(part).compute())
    whole = updated(*batches())
    assert numbers(metric.compute()) == numbers(whole.compute())
    assert torch.equal(metric.results().query_index, whole.results().query_index)


def test_reset_forgets_everything() -> None:
    first, second, _ = batches()
    metric = updated(first)
    assert metric.results().query_index.max() < 20
    metric.reset()
    assert metric.update_count == 0
    metric.update(**second)
    assert numbers(metric.compute()) == numbers(updated(second).compute())
    assert metric.results().query_index.min() == 20


def test_states_are_saved_where_that_is_asked_for() -> None:
    metric = updated(*batches())
    assert not metric.state_dict(), "a checkpoint need not hold a gallery"
    metric.persistent(True)
    restored = AttributeRetrieval(3)
    restored.persistent(True)
    restored.load_state_dict(metric.state_dict())
    assert torch.equal(torch.cat(restored.embeddings), torch.cat(metric.embeddings))
    assert numbers(restored.compute()) == numbers(metric.compute())


def collection() -> MetricCollection:
    """Evaluate the same images by two protocols, and with other settings."""
    config = MetricsConfig(cutoffs=(1,), without_relevant="skip")
    return MetricCollection(
        {
            "single": AttributeRetrieval(3),
            "multi": AttributeRetrieval(3, protocol="multi"),
            "strict": AttributeRetrieval(3, config=config),
        },
        prefix="test/",
    )


def expected() -> dict[str, float]:
    """Rank without the metric."""
    columns = {name: torch.cat([part[name] for part in batches()]) for name in batches()[0]}
    images = Images(columns["embeddings"], columns["targets"], columns["index"])
    means = {
        "single": rank(images, images).means(),
        "multi": rank(images, images, protocol="multi").means(),
        "strict": rank(images, images, cutoffs=(1,)).means("skip"),
    }
    return {
        f"test/{name}_{metric}": value.item()
        for name, own in means.items()
        for metric, value in own.items()
    }


def test_a_collection_holds_metrics_of_several_protocols() -> None:
    metrics = collection()
    for part in batches():
        metrics.update(**part)
    found = numbers(metrics.compute())
    assert {name: value for name, value in found.items() if "num_" not in name} == pytest.approx(
        expected()
    )
    assert found["test/multi_num_queries"] > found["test/single_num_queries"] == 60
    # torchmetrics keeps the images once for all that have the same.
    assert [sorted(own) for own in metrics.compute_groups.values()] == [
        ["multi", "single", "strict"]
    ]


def test_members_of_a_collection_answer_by_themselves() -> None:
    metrics = collection()
    first, *rest = batches()
    metrics.update(**first)
    metrics.compute()
    for part in rest:
        metrics.update(**part)
    for name in ("single", "multi", "strict"):
        member = metrics[name]
        assert isinstance(member, AttributeRetrieval)
        value = member.compute()["map_all"].item()
        assert value == pytest.approx(expected()[f"test/{name}_map_all"])
        assert len(member.results()) == member.compute()["num_queries"]
    metrics.reset()
    metrics.update(**first)
    alone = updated(first).compute()["map_all"].item()
    assert metrics.compute()["test/single_map_all"].item() == alone


def test_products_are_handed_on_by_a_collection() -> None:
    metrics = MetricCollection({"one": AttributeRetrieval(3)}, postfix="/collar")
    for part in batches():
        metrics.update(**part, product=part["index"] // 20)
    found = metrics.compute()
    assert {*found} == {f"{name}/collar" for name in NAMES}
    alone = AttributeRetrieval(3)
    for part in batches():
        alone.update(**part, product=part["index"] // 20)
    assert numbers(alone.compute()) == {
        name.removesuffix("/collar"): v.item() for name, v in found.items()
    }
    assert numbers(alone.compute()) != numbers(updated(*batches()).compute())


def curves_in(axes: object) -> dict[str, list[float]]:
    """Return the heights of each curve by its label."""
    assert isinstance(axes, Axes)
    return {str(line.get_label()): np.ravel(line.get_ydata()).tolist() for line in axes.get_lines()}


def test_a_plot_shows_each_metric_and_no_count() -> None:
    metric = updated(*batches())
    figure, axes = metric.plot()
    assert figure is not None
    scores = metric.compute()
    assert curves_in(axes) == {name: [scores[name].item()] for name in metric_names((100,))}
    low, high = figure.axes[0].get_ylim()
    assert low < 0 < 1 < high < 2


def test_several_evaluations_are_plotted_as_curves() -> None:
    metric = AttributeRetrieval(3)
    values = [metric(**part) for part in batches()]
    _, axes = plt.subplots()
    figure, drawn = metric.plot(values, ax=axes)
    assert figure is None
    assert drawn is axes
    assert curves_in(axes) == {
        name: [own[name].item() for own in values] for name in metric_names((100,))
    }
