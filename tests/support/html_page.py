"""A page read back: what a browser would fetch, show and link to."""

import base64
import io
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from PIL import Image

VOID = {"meta", "link", "img", "br", "wbr", "hr", "input"}


class Element:
    """An element with all that is in it.

    Attributes:
        tag: Its name.
        attributes: As they are written.
        children: Elements and texts in order.
    """

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def find(self, tag: str, kind: str = "") -> list["Element"]:
        """Give the elements of a tag, or of a class of it, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                classes = child.attributes.get("class", "").split()
                if child.tag == tag and (not kind or kind in classes):
                    found.append(child)
                found += child.find(tag, kind)
        return found

    def text(self) -> str:
        """Give all text, blanks joined."""
        parts = (one if isinstance(one, str) else one.text() for one in self.children)
        return " ".join("".join(parts).split())

    def by_id(self, name: str) -> "Element":
        """Give the element of an id."""
        [found] = [one for one in self.all() if one.attributes.get("id") == name]
        return found

    def all(self) -> list["Element"]:
        """Give all elements."""
        own = [child for child in self.children if isinstance(child, Element)]
        return [one for child in own for one in (child, *child.all())]

    def rows(self) -> list[list[str]]:
        """Give the cells of a table."""
        return [
            [cell.text() for cell in row.children if isinstance(cell, Element)]
            for row in self.find("tr")
        ]


class Page(HTMLParser):
    """A document, whose tags must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert [one.tag for one in self.open] == [""], "not all tags are closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def decode(source: str) -> Image.Image:
    """Give the picture in a data URI, decoded whole."""
    found = re.fullmatch(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", source)
    assert found, source[:80]
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    picture.load()
    return picture


def check_whole(text: str) -> Page:
    """Read a page that stands alone: nothing outside is named, pictures decode, links lead on."""
    page = Page(text)
    elements = page.root.all()
    names = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(names) == len(set(names))
    fetching = ("src", "href", "srcset", "data", "poster", "action", "background", "xlink:href")
    for one in elements:
        for attribute in fetching:
            value = one.attributes.get(attribute, "#")
            if value.startswith("#"):
                assert value == "#" or value[1:] in names, value
            else:
                assert value.startswith("data:"), value[:80]
        styles = one.attributes.get("style", "") + (one.text() if one.tag == "style" else "")
        assert "@import" not in styles
        for address in re.findall(r"url\(\s*[\"']?([^)\"']*)", styles):
            decode(address)
        if one.tag == "img":
            assert min(decode(one.attributes["src"]).size) > 0
            assert "alt" in one.attributes
    [html] = page.root.find("html")
    assert html.attributes["lang"] == "en"
    [title] = page.root.find("title")
    assert title.text()
    levels = [int(one.tag[1]) for one in elements if re.fullmatch(r"h\d", one.tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels)), "a heading is skipped"
    assert levels.count(1) == 1
    return page
