"""The local branch of ASEN++: what it crops, and that each crop is embedded on its own."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from m3net.models.asen_pp import LocalBranch, LocalConfig, attended_boxes, cut
from tests.unit.models.pictures import images

LOCAL = LocalConfig(backbone="test_resnet", size=32, start=0.5)


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
