"""Galleries and attention as PNG files: pixels where they belong, frames of the right colour."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.data.transforms import Transform
from m3net.reports.album import Album
from m3net.reports.answers import Answer, Hit
from m3net.reports.attention_pictures import (
    AttributeAttention,
    ClassAttention,
    Map,
    PhotoAttention,
    Pixels,
    draw_attention,
    overlay,
)
from m3net.reports.gallery_pictures import draw_gallery

GREEN, RED, GREY = (27, 120, 55), (197, 27, 45), (51, 51, 51)
BLUE, YELLOW = (10, 20, 230), (240, 230, 10)


def plain(color: tuple[int, int, int], height: int = 40, width: int = 30) -> NDArray[np.uint8]:
    return np.full((height, width, 3), color, np.uint8)


def read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def count(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> int:
    """Count the pixels of a colour; frames of pure colour are wider than a pixel."""
    near = np.abs(picture.astype(int) - color).max(axis=2) <= 2
    return int(near.sum())


def album(name: str) -> Album:
    """Return a blue photo and a yellow one, both of one class."""
    roles = np.ones((2, 1), np.uint8)
    records = Records.build(["blue", "yellow"], range(2), [(0,), (0,)], roles > 0, roles, 1)

    def paint(record: Record) -> Pixels:
        return plain(BLUE if record.path == "blue" else YELLOW)

    dataset = RetrievalDataset(records, paint, Transform(8, "stretch"))
    return Album(dataset, Taxonomy((Attribute(name, (name,)),)))


def answer(name: str, relevant: list[bool], average_precision: float = 0.5) -> Answer:
    hits = [Hit(1, 0.25, right) for right in relevant]
    return Answer(name, 0, name, average_precision, sum(relevant), hits)


def gallery(file: Path, relevant: list[bool], name: str = "sleeve") -> NDArray[np.uint8]:
    draw_gallery([answer(name, relevant)], album(name), file)
    return read(file)


def attention(pixels: Pixels, name: str, looks: Map) -> PhotoAttention:
    classes = [ClassAttention("any", 0.5, None)]
    return PhotoAttention(0, pixels, [AttributeAttention(name, classes, looks)])


@pytest.mark.parametrize(
    ("relevant", "green", "red"),
    [([True, True], True, False), ([False], False, True), ([True, False, False], True, True)],
)
def test_frames_tell_right_from_wrong(
    tmp_path: Path, relevant: list[bool], green: bool, red: bool
) -> None:
    picture = gallery(tmp_path / "gallery.png", relevant)
    assert (count(picture, GREEN) > 100) == green
    assert (count(picture, RED) > 100) == red
    assert count(picture, GREY) > 100


def test_a_wrong_frame_is_dashed_for_those_who_do_not_tell_red_from_green(tmp_path: Path) -> None:
    right = count(gallery(tmp_path / "right.png", [True]), GREEN)
    wrong = count(gallery(tmp_path / "wrong.png", [False]), RED)
    assert 0 < wrong < 0.9 * right


def test_query_and_results_are_drawn_side_by_side(tmp_path: Path) -> None:
    picture = gallery(tmp_path / "gallery.png", [True, False])
    columns = {
        color: np.flatnonzero((np.abs(picture.astype(int) - color).max(axis=2) <= 2).any(axis=0))
        for color in (BLUE, YELLOW)
    }
    assert columns[BLUE].max() < columns[YELLOW].min()
    assert count(picture, YELLOW) > 1.5 * count(picture, BLUE) > 1000


def test_rows_of_different_length_leave_empty_places(tmp_path: Path) -> None:
    rows = [answer("sleeve", [True] * 3, 1.0), answer("sleeve", [], 0.0)]
    draw_gallery(rows, album("sleeve"), tmp_path / "gallery.png")
    picture = read(tmp_path / "gallery.png")
    middle = len(picture) // 2
    assert count(picture[middle:], YELLOW) == 0
    assert count(picture[middle:], BLUE) > 1000


@pytest.mark.parametrize("name", ["$10 - $20", "$x_{$", "a_b^c", "\\frac", "50 %", "x" * 40])
def test_any_name_can_stand_under_a_picture(tmp_path: Path, name: str) -> None:
    assert gallery(tmp_path / "gallery.png", [True], name).size
    photo = attention(plain(BLUE), name, np.ones((2, 2), np.float32))
    draw_attention([photo], tmp_path / "attention.png")
    assert read(tmp_path / "attention.png").size


def test_attention_is_red_where_the_network_looks(tmp_path: Path) -> None:
    looks_left = np.zeros((8, 8), np.float32)
    looks_left[:, :3] = 1
    row = attention(plain((200, 200, 200), 64, 64), "sleeve", looks_left)
    draw_attention([row, row], tmp_path / "attention.png")
    picture = read(tmp_path / "attention.png").astype(int)
    assert min(picture.shape[:2]) > 100
    red = (picture[..., 0] - picture[..., 1] > 60).any(axis=0)
    middle_of_map = 3 * picture.shape[1] // 4
    assert red[: picture.shape[1] // 2 - 5].sum() == 0
    assert red[picture.shape[1] // 2 : middle_of_map].sum() > 20
    assert red[middle_of_map + 20 :].sum() == 0


def test_an_overlay_keeps_the_photo_where_nobody_looks() -> None:
    photo = plain((90, 90, 90), 6, 6)
    attention = np.zeros((6, 6), np.float32)
    attention[2, 4] = 0.003
    mixed = overlay(photo, attention)
    assert mixed.shape == photo.shape
    assert mixed.dtype == np.uint8
    assert (mixed[5, 0] == 90).all()
    # By hand: 0.35 * 90 + 0.65 * (230, 40, 30), however small the attention is in itself.
    assert mixed[2, 4].tolist() == [181, 58, 51]


def test_an_overlay_of_no_attention_at_all_is_the_greyed_photo() -> None:
    mixed = overlay(plain((100, 50, 0), 4, 4), np.zeros((2, 2), np.float32))
    # By hand: 0.6 * mean + 0.4 * colour, with a mean of 50.
    assert (mixed == [70, 50, 30]).all()


def test_the_map_of_the_most_probable_class_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    left, right = np.zeros((2, 8, 8), np.float32)
    left[:, :3], right[:, 5:] = 1, 1
    classes = [
        ClassAttention("long", 0.75, True, left),
        ClassAttention("short", 0.25, False, right),
    ]
    grey = plain((200, 200, 200), 64, 64)
    files = [tmp_path / "class.png", tmp_path / "attribute.png"]
    draw_attention([PhotoAttention(0, grey, [AttributeAttention("", classes, right)])], files[0])
    draw_attention([attention(grey, "", left)], files[1])
    ours, theirs = (read(file).astype(int) for file in files)
    red = [(own[..., 0] - own[..., 1] > 60).any(axis=0) for own in (ours, theirs)]
    assert (red[0] == red[1]).all()
