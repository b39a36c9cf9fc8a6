"""ASEN++: what it crops, how it joins its two branches, and which gradients go where."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from m3net.errors import ConfigError, WeightsError
from m3net.losses import CombinedLoss, LossConfig
from m3net.models.asen_pp import AsenPP, LocalBranch, attended_boxes, cut
from m3net.models.config import LocalConfig, NetworkConfig

SIZES = (2, 3)
ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 1, 1, 1])
LOCAL = LocalConfig(backbone="test_resnet", size=32, start=0.5)
CONFIG = NetworkConfig(
    "asen_pp", "test_resnet", pretrained=False, attention_dim=8, embedding_dim=6, local=LOCAL
)


def images(count: int = 3, height: int = 64, width: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, 3, height, width)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)


def new_network(progress: float = 1.0, **changes: Any) -> AsenPP:  # noqa: ANN401 - NetworkConfig's
    torch.manual_seed(1)
    network = AsenPP(replace(CONFIG, **changes), SIZES)
    network.advance(progress)
    return network


@st.composite
def maps(draw: st.DrawFn) -> list[list[float]]:
    """A map of few different values, so that ties and flat maps are frequent."""
    width = draw(st.integers(1, 6))
    values = st.integers(0, 10).map(lambda tenths: tenths / 8)
    row = st.lists(values, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=6))


@given(cells=maps(), threshold=st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_a_box_is_the_smallest_around_what_exceeds_the_threshold(
    cells: list[list[float]], threshold: float
) -> None:
    flat = [value for row in cells for value in row]
    bar = min(flat) + threshold * (max(flat) - min(flat))
    found = [
        (x, y)
        for y, row in enumerate(cells)
        for x, value in enumerate(row)
        if value > bar or min(flat) == max(flat)
    ]
    across, down = zip(*found, strict=True)
    expected = [min(across), min(down), max(across) + 1, max(down) + 1]
    attention = torch.tensor(cells, dtype=torch.float64)[None, None]
    assert attended_boxes(attention, threshold)[0, 0].tolist() == expected


def test_each_map_of_a_batch_has_a_box_of_its_own() -> None:
    attention = torch.rand(4, 3, 5, 7, generator=torch.Generator().manual_seed(0)) ** 4
    boxes = attended_boxes(attention, 0.6)
    assert len({tuple(box) for box in boxes.flatten(0, 1).tolist()}) > 6
    for b in range(4):
        for a in range(3):
            alone = attended_boxes(attention[b : b + 1, a : a + 1], 0.6)
            assert torch.equal(boxes[b, a], alone[0, 0])


def one_crop(size: int, box: list[int], picture: Tensor) -> Tensor:
    return cut(picture, torch.tensor([1]), torch.tensor([box]).float(), size)[0]


def test_a_crop_of_its_own_size_is_a_copy_of_the_pixels() -> None:
    picture = images(2, 40, 48)
    found = one_crop(16, [16, 8, 32, 24], picture)
    torch.testing.assert_close(found, picture[1, :, 8:24, 16:32].float())


def test_a_crop_of_twice_the_size_is_averaged() -> None:
    picture = images(2, 40, 48)
    found = one_crop(16, [16, 8, 48, 40], picture)
    expected = F.avg_pool2d(picture[1, :, 8:40, 16:48].float(), 2)
    torch.testing.assert_close(found, expected)


def test_a_small_image_is_enlarged_as_torch_does_it() -> None:
    picture = images(2, 24, 24)
    found = one_crop(40, [0, 0, 24, 24], picture)
    expected = F.interpolate(picture[1:].float(), size=(40, 40), mode="bilinear")[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


def test_what_stands_out_of_the_image_is_left_out() -> None:
    # 40 pixels are three cells of 16, the last of which is half empty.
    picture = images(2, 40, 40)
    found = one_crop(24, [16, 16, 48, 48], picture)
    torch.testing.assert_close(found, picture[1, :, 16:, 16:].float())


@pytest.fixture
def branch() -> LocalBranch:
    torch.manual_seed(2)
    return LocalBranch(LOCAL, 16, num_attributes=2, dim=8, embedding_dim=6).eval()


def alone(branch: LocalBranch, picture: Tensor, attention: Tensor, attribute: int) -> Tensor:
    """One image's vector under one attribute: its box, its crop, its own row of the block."""
    left, top, right, bottom = attended_boxes(attention[None, None], LOCAL.threshold)[0, 0].int()
    window = picture[:, 16 * top : 16 * bottom, 16 * left : 16 * right]
    height, width = window.shape[1:]
    whole = torch.tensor([[0, 0, width, height]]).float()
    crop = cut(window[None], torch.tensor([0]), whole, LOCAL.size)
    vectors, _ = branch.block(branch.backbone(crop))
    own: Tensor = vectors[0, attribute]
    return own


def spots() -> Tensor:
    """(3, 2, 4, 4) attention whose boxes are 2 x 2 cells, the size of a crop, at six places."""
    attention = torch.zeros(3, 2, 4, 4)
    corners = [(0, 0), (2, 1), (1, 2), (0, 2), (2, 2), (1, 1)]
    for place, (top, left) in enumerate(corners):
        attention[place // 2, place % 2, top : top + 2, left : left + 2] = 0.25
    return attention


def test_each_crop_is_embedded_under_its_own_attribute(branch: LocalBranch) -> None:
    picture, attention = images(), spots()
    with torch.no_grad():
        found = branch(picture, attention, None)
        for b in range(3):
            for a in range(2):
                expected = alone(branch, picture[b], attention[b, a], a)
                torch.testing.assert_close(found[b, a], expected, rtol=1e-4, atol=1e-5)
    assert found.dtype == torch.float32


def test_what_is_not_wanted_is_zero_and_costs_no_crop(branch: LocalBranch) -> None:
    picture, attention = images(), spots()
    wanted = torch.tensor([[True, False], [False, False], [True, True]])
    crops = []
    branch.backbone.register_forward_hook(lambda _, given, __: crops.append(len(given[0])))
    with torch.no_grad():
        every, some = (branch(picture, attention, which) for which in (None, wanted))
    assert crops == [6, 3]
    torch.testing.assert_close(some, every * wanted[:, :, None])


def test_images_are_left_as_they_are(branch: LocalBranch) -> None:
    picture = images()
    before = picture.clone()
    branch(picture, spots(), None)
    assert torch.equal(picture, before)


def test_nothing_wanted_at_all_still_trains(branch: LocalBranch) -> None:
    nothing = torch.zeros(3, 2, dtype=torch.bool)
    before = {name: own.clone() for name, own in branch.named_buffers() if "running" in name}
    vectors = branch.train()(images(), spots(), nothing)
    assert not vectors.any()
    assert all(torch.equal(branch.get_buffer(name), own) for name, own in before.items())
    vectors.sum().backward()
    # Distributed training waits for each of them.
    assert all(weight.grad is not None and not weight.grad.any() for weight in branch.parameters())


def cosines(vectors: Tensor) -> Tensor:
    """(A, B, B) cosines of all pairs of images, one pair at a time."""
    count, attributes, _ = vectors.shape
    return torch.tensor(
        [
            [
                [
                    float(F.cosine_similarity(vectors[i, a], vectors[k, a], dim=0))
                    for k in range(count)
                ]
                for i in range(count)
            ]
            for a in range(attributes)
        ]
    )


def test_the_score_is_the_shared_cosine_of_both_branches() -> None:
    network = new_network().eval()
    with torch.no_grad():
        outputs = network(images())
    assert outputs.attributes is not None
    assert outputs.branches is not None
    whole, close = outputs.branches
    assert close is not None
    assert outputs.attributes.shape == (3, 2, 12)
    expected = 0.6 * cosines(whole) + 0.4 * cosines(close)
    torch.testing.assert_close(cosines(outputs.attributes), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs.vectors, whole)


def test_before_its_start_the_score_is_that_of_the_global_branch() -> None:
    early, late = new_network(0.49).eval(), new_network(0.5).eval()
    with torch.no_grad():
        first, second = early(images()), late(images())
    assert first.branches is not None
    assert second.branches is not None
    assert first.branches[1] is None
    assert second.branches[1] is not None
    assert torch.equal(first.branches[0], second.branches[0])
    assert first.attributes.shape == second.attributes.shape
    torch.testing.assert_close(cosines(first.attributes), cosines(first.branches[0]))


def test_the_local_branch_stays_once_it_takes_part() -> None:
    network = new_network(0.6)
    network.advance(0.2)
    assert network.is_local


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_stage_is_part_of_a_checkpoint(start: float) -> None:
    local = replace(LOCAL, start=start)
    for progress in (0.0, 0.7):
        network = new_network(progress, local=local).eval()
        again = new_network(0.7 - progress, local=local).eval()
        again.load_state_dict(network.state_dict())
        with torch.no_grad():
            one, other = network(images()).attributes, again(images()).attributes
        assert torch.equal(one, other)
        assert bool(again.is_local) == (progress >= start)
    assert new_network(local=local).starts_in_part == (start > 0)


def reached(network: AsenPP, value: Tensor) -> set[str]:
    """The parts of a network that the gradient of a value reaches."""
    network.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]  # torch's gap
    return {
        name.split(".")[0]
        for name, weight in network.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }


TARGETS = torch.tensor([[1, 0, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0]]).bool()
ANNOTATED = torch.ones(3, 2, dtype=torch.bool)


def terms_of(
    network: AsenPP,
    targets: Tensor = TARGETS,
    annotated: Tensor = ANNOTATED,
    wanted: Tensor | None = None,
) -> dict[str, Tensor]:
    counts = torch.full((5,), 10), torch.full((5,), 30)
    config = LossConfig(center_weight=0.0, margin=2.0)
    loss = CombinedLoss(config, ATTRIBUTE_OF_CLASS, *counts, dim=network.vector_dim)
    outputs = network(images(), wanted)
    assert outputs.branches is not None
    terms: dict[str, Tensor] = loss(
        outputs.logits, outputs.vectors, targets, annotated, close=outputs.branches[1]
    )
    return terms


def test_crops_that_are_left_out_change_no_loss_and_no_gradient() -> None:
    # In evaluation mode no crop's statistics reach another's vector.
    network = new_network(shaping_classifier=True).eval()
    nn.init.normal_(network.classifier.weight)
    annotated = torch.tensor([[True, True], [True, False], [True, True]])
    targets = TARGETS & annotated[:, ATTRIBUTE_OF_CLASS]
    found = []
    for wanted in (None, annotated):
        network.zero_grad()
        terms = terms_of(network, targets, annotated, wanted)
        terms["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
        found.append(
            (
                terms,
                {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None},
            )
        )
    (every, gradients), (some, fewer) = found
    assert every.keys() == {"classification", "instance", "local", "align", "total"}
    for name, term in every.items():
        torch.testing.assert_close(some[name], term)
    assert fewer.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, rtol=1e-3, atol=1e-5)


def test_each_loss_reaches_its_own_branch_only() -> None:
    network = new_network()
    nn.init.normal_(network.classifier.weight)
    assert reached(network, terms_of(network)["instance"]) == {"backbone", "block"}
    # Neither through the vectors that are aligned to nor through the attention that crops.
    assert reached(network, terms_of(network)["local"]) == {"local"}
    assert reached(network, terms_of(network)["align"]) == {"local"}
    assert reached(network, terms_of(network)["classification"]) == {"classifier"}


def test_a_shaping_classifier_reaches_both_branches() -> None:
    network = new_network(shaping_classifier=True)
    nn.init.normal_(network.classifier.weight)
    everything = {"backbone", "block", "local", "classifier"}
    assert reached(network, terms_of(network)["classification"]) == everything


def test_all_weights_take_part_in_the_second_stage_and_no_local_one_in_the_first() -> None:
    for progress, idle in ((1.0, ()), (0.0, ("local.",))):
        network = new_network(progress)
        terms_of(network)["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
        for name, weight in network.named_parameters():
            assert (weight.grad is None) == name.startswith(idle or "no such part"), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"share": 1.1},
        {"share": -0.1},
        {"threshold": 1.0},
        {"threshold": -0.1},
        {"start": 1.1},
        {"start": -0.1},
    ],
    ids=str,
)
def test_settings_of_the_local_branch_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"model\.network\.local: .*{next(iter(wrong))}"):
        LocalConfig(**wrong)


def test_vectors_too_long_for_a_vector_engine_are_refused() -> None:
    assert NetworkConfig(embedding_dim=2048).embedding_dim == 2048
    with pytest.raises(ConfigError, match=r"embedding_dim must not exceed 2048"):
        NetworkConfig(embedding_dim=2049)


def test_settings_are_rebuilt_from_plain_values_old_ones_too() -> None:
    plain: dict[str, Any] = {"head": "asen_pp", "local": {"start": 0.25}}
    expected = NetworkConfig("asen_pp", local=LocalConfig(start=0.25))
    assert NetworkConfig.from_plain(plain) == expected
    assert NetworkConfig.from_plain({"stride": 32}) == NetworkConfig(stride=32)


def test_both_backbones_start_from_weights_of_their_own(tmp_path: Any) -> None:  # noqa: ANN401
    donor = new_network()
    files = []
    for name, net in (("global", donor.backbone.net), ("local", donor.local.backbone.net)):
        files.append(tmp_path / f"{name}.pth")
        torch.save(net.state_dict(), files[-1])
    local = replace(LOCAL, weights_file=str(files[1]))
    torch.manual_seed(99)
    network = AsenPP(replace(CONFIG, weights_file=str(files[0]), local=local), SIZES)
    network.load_pretrained()
    for ours, theirs in ((network, donor), (network.local, donor.local)):
        for own, other in zip(
            ours.backbone.parameters(), theirs.backbone.parameters(), strict=True
        ):
            assert torch.equal(own, other)
    files[1].unlink()
    with pytest.raises(WeightsError, match=r"model\.network\.local\.weights_file"):
        network.load_pretrained()
