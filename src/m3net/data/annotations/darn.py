"""DARN: nine attributes of clothes, photographed by web shops and by their customers.

Reference:
    Huang, Feris, Chen, Yan: "Cross-Domain Image Retrieval with a Dual Attribute-Aware Ranking
    Network", ICCV 2015.

License:
    None was published. The images are links to shops, many of them dead: copies differ, and scores
    on two copies cannot quite be compared.

The index files (see `index_files`) give classes as numbers; their names are not public.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from m3net.boundary.plain_values import read_json
from m3net.data.annotations.annotation_file import reading
from m3net.data.annotations.published_counts import Counts
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError, DatasetNotFoundError

SIZES = {
    "clothes category": 20,
    "clothes button": 13,
    "clothes color": 55,
    "clothes length": 7,
    "clothes pattern": 28,
    "clothes shape": 11,
    "collar shape": 26,
    "sleeve length": 8,
    "sleeve shape": 17,
}
PUBLISHED = {
    "val": Counts(
        images=21_461,
        queries=(490, 480, 446, 498, 454, 499, 505, 471, 450),
        gallery=(1_845, 1_918, 1_900, 1_888, 1_948, 1_922, 1_903, 1_921, 1_923),
    ),
    "test": Counts(
        images=21_461,
        queries=(476, 448, 491, 448, 463, 533, 509, 483, 442),
        gallery=(1_886, 1_897, 1_901, 1_884, 2_004, 2_003, 1_890, 1_836, 1_867),
    ),
}


def numbered_taxonomy() -> Taxonomy:
    """Return the attributes with classes named "0", "1" and so on.

    Example:
        >>> numbered_taxonomy().num_classes
        185
    """
    sizes = SIZES.items()
    return Taxonomy(tuple(Attribute(name, tuple(map(str, range(k)))) for name, k in sizes))


def read_names(file: Path) -> Taxonomy:
    """Read the attributes with the class names of a file.

    Args:
        file: JSON: for each attribute the list of its class names, in the order of their numbers,
            such as {"sleeve length": ["sleeveless", "short", ...], ...}. Attributes that it lacks
            keep their numbers.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: It is not such JSON, or names other attributes or numbers of classes.
    """
    if not file.is_file():
        raise DatasetNotFoundError.at("names file", file, "data.names_file")
    try:
        with reading(file):
            names: Any = read_json(file)
    except (RecursionError, ValueError) as error:
        raise AnnotationError.at(file, None, f"not JSON: {error}", "Write JSON") from error
    if not isinstance(names, dict):
        raise AnnotationError.at(file, None, "no object of lists", "Write one list per attribute")
    if unknown := [name for name in names if name not in SIZES]:
        known = f"Write one of {', '.join(SIZES)}"
        raise AnnotationError.at(file, None, f"unknown attribute {unknown[0]!r}", known)
    for name, classes in names.items():
        is_list = isinstance(classes, list) and all(isinstance(text, str) for text in classes)
        if not is_list or not len(classes) == len(set(classes)) == SIZES[name]:
            problem = f"{name!r} does not have {SIZES[name]} distinct names"
            remedy = "Write one for each class, in their order"
            raise AnnotationError.at(file, None, problem, remedy)
    numbered = [
        replace(a, classes=tuple(names.get(a.name, a.classes))) for a in numbered_taxonomy()
    ]
    return Taxonomy(tuple(numbered))
