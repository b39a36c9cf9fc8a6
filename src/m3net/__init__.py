"""Attribute-specific fashion retrieval with M3-Net (CVPR 2023)."""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3net.serving import Attention, Gallery, Model, load

# albumentations asks PyPI for its newest version whenever it is imported, and stalls offline;
# it has to be told not to before anything imports it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.2.0"
__all__ = ["Attention", "Gallery", "Model", "load"]


def __getattr__(name: str) -> object:
    """Import what stands in `m3net.serving` when it is first asked for: torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    environment = importlib.import_module("m3net.base.environment")
    environment.check_installation()
    return getattr(importlib.import_module("m3net.serving"), name)


def __dir__() -> list[str]:
    """Name all of it, for those who complete names by a key."""
    return sorted({*globals(), *__all__})
