"""Attribute-specific fashion retrieval with M3-Net (CVPR 2023)."""

import os

# albumentations asks PyPI for its newest version whenever it is imported, and stalls offline;
# it has to be told not to before anything imports it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.1.0"
