"""A catalogue of drawn garments: fashion photos with fine, local and certain labels.

`sampling` samples a `Garment`, `drawing` turns it into pixels, and `drawn_catalogue` makes records,
a reader and files of many.
"""

from m3net.data.synthetic.drawing import draw
from m3net.data.synthetic.drawn_catalogue import SyntheticReader, synthetic_records, write_catalogue
from m3net.data.synthetic.garment import TAXONOMY, Garment
from m3net.data.synthetic.sampling import sample_garment

__all__ = [
    "TAXONOMY",
    "Garment",
    "SyntheticReader",
    "draw",
    "sample_garment",
    "synthetic_records",
    "write_catalogue",
]
