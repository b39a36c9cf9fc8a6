"""All that a page shows, and the templates that show it in one HTML file."""

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
from m3net.reports.page import curve_section
from m3net.reports.page.comparison_section import Comparison
from m3net.reports.page.confusion_section import Confusion
from m3net.reports.page.curve_section import Curves
from m3net.reports.page.gallery_section import Gallery
from m3net.reports.page.heading_section import Heading
from m3net.reports.page.map_section import SEED, Plane, Sprite
from m3net.reports.sheets import Sheet


@dataclass(frozen=True)
class Page:
    """All that a page shows, in its order. All texts are plain: the templates escape them."""

    heading: Heading
    scores: Sequence[Sheet]
    curves: Curves
    galleries: Sequence[Gallery]
    """One for each attribute; none where no lists were kept."""
    top_k: int
    """Length of the lists."""
    attention: Sequence[PhotoAttention]
    confusions: Sequence[Confusion]
    """One for each attribute that has queries."""
    planes: Sequence[Plane]
    """One for each attribute."""
    sprite: Sprite | None
    """The thumbnails of all maps; None where there is no map."""
    album: Album
    """Photos of the split."""
    comparison: Comparison | None = None
    """None without other runs."""
    seed: int = SEED
    """Of the maps and their samples."""


def render_page(page: Page) -> str:
    """Return the text of a page; names are escaped, and control characters in them are visible.

    Args:
        page: All that it shows.
    """
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
    environment.globals |= {
        "chart_width": curve_section.WIDTH,
        "chart_height": curve_section.HEIGHT,
    }
    return environment


def _shown(value: object) -> object:
    # What a macro gives is made of values that have come here before.
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable_lines(value)
    return value


def _joints(name: str) -> list[str]:
    """Cut a name where it may break over two lines.

    Example:
        >>> _joints("three_quarter/<1>")
        ['three_', 'quarter/', '<1>']
    """
    return re.split(r"(?<=[_/|-])", name)


def _picture(pixels: Pixels) -> str:
    return data_uri(shrink(pixels))


def _laid_over(pixels: Pixels, attention: Map) -> str:
    return _picture(overlay(pixels, attention))
