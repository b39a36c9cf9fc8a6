"""The templates of a page, filled in."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from m3net.base.escaping import printable_lines
from m3net.reports.album import data_uri, shrink
from m3net.reports.attention_pictures import Map, Pixels, overlay
from m3net.reports.formatting import coarse_percent
from m3net.reports.page.curve_section import HEIGHT, WIDTH


def render_page(**contents: object) -> str:
    """Return the HTML of a page; names are escaped, and control characters in them are visible.

    Args:
        **contents: The values that page.html and the templates of its sections name.
    """
    return _environment().get_template("page.html").render(contents)


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
