"""The evaluation protocol; every table of scores names the one it was made with."""

from typing import Literal

Protocol = Literal["single", "multi"]
"""What a query is, and what is relevant to it. Scores of different protocols do not compare.

single: A query is an image; relevant are the gallery images that share a class of the attribute.
multi: A query is a label: an image and one class that it carries; relevant are the gallery images
    that carry that class. An image with three classes is three queries with one ranking, since its
    embedding does not know which class is meant. The M3-Net paper evaluates DeepFashion so.
"""
