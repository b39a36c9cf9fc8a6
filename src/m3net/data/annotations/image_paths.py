"""Image paths as annotation files write them."""

import re
from collections.abc import Sequence
from pathlib import Path

from m3net.errors import AnnotationError

OUTSIDE = r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\0"
"""An absolute path on any system, a path with "..", or a zero byte."""
LEAVES = re.compile(OUTSIDE)
RELATIVE = "Write paths relative to the image root"
_MOST_WIDTH, _MOST_WASTE = 2**24, 64
"""Letters of an array of texts: in all, or as a multiple of the letters of the texts."""


def check_widths(file: Path, what: str, texts: Sequence[str]) -> None:
    """Refuse a text that is far longer than the others.

    NumPy gives each text the room of the longest, so that one could fill the memory.

    Args:
        file: Lists the texts.
        what: What a text is, such as "image path".
        texts: All texts.

    Raises:
        AnnotationError: A text is far longer than most.
    """
    lengths = [*map(len, texts)]
    longest = max(lengths, default=0)
    if longest * len(lengths) > max(_MOST_WIDTH, _MOST_WASTE * sum(lengths)):
        text = shortened(texts[lengths.index(longest)])
        problem = f"{what} {text!r} has {longest:,} letters, far more than the others"
        raise AnnotationError.at(file, None, problem, "Shorten it")


def shortened(text: str) -> str:
    """Return a text for an error, cut after 200 letters."""
    return text if len(text) <= 200 else f"{text[:200]}..."
