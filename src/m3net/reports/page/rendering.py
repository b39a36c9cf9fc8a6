"""The contents of a page, and the templates that show them in one HTML file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from m3net.base.escaping import printable_lines
from m3net.reports.album import Album, data_uri, shrink
from m3net.reports.attention_pictures import Map, PhotoAttention, Pixels, overlay
from m3net.reports.formatting import coarse_percent
from m3net.reports.page.comparison_section import Comparison
from m3net.reports.page.confusion_section import Confusion
from m3net.reports.page.curve_section import HEIGHT, WIDTH, Curves
from m3net.reports.page.gallery_section import Gallery
from m3net.reports.page.heading_section import Heading
from m3net.reports.page.map_section import SEED, Plane, Sprite
from m3net.reports.sheets import Sheet


@dataclass(frozen=True)
class Page:
    """The contents of a page, in its order, as plain text: the templates escape it."""

    heading: Heading
    scores: Sequence[Sheet]
    curves: Curves
    galleries: Sequence[Gallery]
    """One for each attribute; none without lists."""
    top_k: int
    """Length of the lists."""
    attention: Sequence[PhotoAttention]
    confusions: Sequence[Confusion]
    planes: Sequence[Plane]
    sprite: Sprite | None
    """The thumbnails of all maps; None without a map."""
    album: Album
    comparison: Comparison | None = None
    """None without other runs."""
    seed: int = SEED
    """Of the maps and their samples."""


def render_page(page: Page) -> str:
    """Return the HTML of a page; names are escaped, and control characters in them are visible."""
    return _environment().get_template("page.html").render(page=page)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": coarse_percent,
        "joints": _joints,
        "printable": printable_lines,
        "picture": _picture,
        "laid_over": _laid_over,
    }
    environment.globals |= {"chart_width": WIDTH, "chart_height": HEIGHT}
    return environment


def _shown(value: object) -> object:
    """Make control characters visible; macros return Markup, whose values were shown before."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable_lines(value)
    return value


def _joints(name: str) -> list[str]:
    """Split a name where it may break over two lines.

    Example:
        >>> _joints("three_quarter/<1>")
        ['three_', 'quarter/', '<1>']
    """
    return re.split(r"(?<=[_/|-])", name)


def _picture(pixels: Pixels) -> str:
    return data_uri(shrink(pixels))


def _laid_over(pixels: Pixels, attention: Map) -> str:
    return _picture(overlay(pixels, attention))
