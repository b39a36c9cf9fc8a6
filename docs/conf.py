"""Settings of Sphinx for `make docs`."""

from sphinx.application import Sphinx

import m3net

project = "m3net"
author = "The m3net developers"
version = release = m3net.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"m3net {release}"
html_theme_options = {
    "source_repository": "https://github.com/m3net/m3net",
    "source_branch": "main",
    "source_directory": "docs/",
}

myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def setup(app: Sphinx) -> None:
    """Let links to data/README.md lead to the page that includes it."""

    def replace(_app: Sphinx, _page: str, source: list[str]) -> None:
        source[0] = source[0].replace("](../data/README.md", "](data.md")

    app.connect("source-read", replace)
