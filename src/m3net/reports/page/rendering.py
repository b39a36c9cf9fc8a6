"""Values into templates: one HTML file, in which nothing points to anywhere else."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from m3net.base.escaping import printable_lines
from m3net.reports.page import curves, pictures
from m3net.reports.page.values import Page


def render_page(page: Page) -> str:
    """Give the text of a page; names are escaped, and what turns or breaks lines in them shows.

    Args:
        page: All that it shows.
    """
    return _environment().get_template("page.html").render(page=page)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "joints": _joints, "printable": printable_lines}
    environment.globals |= {
        "chart_width": curves.WIDTH,
        "chart_height": curves.HEIGHT,
        "tile": pictures.TILE,
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


def _percent(share: float) -> str:
    """Give a share in percent, but nothing above zero as zero.

    Example:
        >>> _percent(0.126), _percent(0.0), _percent(0.001)
        ('13', '0', '<1')
    """
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"
