"""The rule that leaves classes with too few images out of a catalogue."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.catalogue import Catalogue
from m3net.data.records import Records
from m3net.data.taxonomy import Taxonomy
from m3net.errors import AnnotationError


def drop_rare_classes(catalogue: Catalogue, minimum: int) -> tuple[Catalogue, list[str]]:
    """Leave out the classes that too few images carry, and describe them.

    An image that is left without a class of an attribute is no longer annotated for it.

    Args:
        catalogue: A catalogue as read.
        minimum: Number of images that a class needs to stay; 1 keeps all.

    Returns:
        The smaller catalogue, and a sentence for each attribute that lost classes.

    Raises:
        AnnotationError: An attribute would be left with fewer than two classes.
    """
    taxonomy = catalogue.taxonomy
    counts = catalogue.records.images_per_class()
    attributes, report = [], []
    for attribute, part in zip(taxonomy, taxonomy.slices, strict=True):
        sizes = dict(zip(attribute.classes, counts[part].tolist(), strict=True))
        classes = tuple(name for name, size in sizes.items() if size >= minimum)
        if len(classes) < 2:
            problem = f"attribute {attribute.name!r} has fewer than two classes of {minimum} images"
            remedy = "Lower data.min_class_images or leave the column out of the attributes"
            raise AnnotationError.at(catalogue.file, None, problem, remedy)
        attributes.append(replace(attribute, classes=classes))
        rare = [f"{name} ({size})" for name, size in sizes.items() if size < minimum]
        if rare:
            report.append(
                f"attribute {attribute.name!r}: left out, with fewer than {minimum} images each: "
                + ", ".join(rare)
            )
    records = _keep_classes(catalogue.records, taxonomy.attribute_of_class, counts >= minimum)
    return replace(catalogue, taxonomy=Taxonomy(tuple(attributes)), records=records), report


def _keep_classes(
    records: Records, attribute_of_class: NDArray[np.int64], kept: NDArray[np.bool_]
) -> Records:
    """Return the records with some classes only, renumbered; `kept` is (M,)."""
    stays = kept[records.class_ids]
    class_ids = records.class_ids[stays]
    image = records.image_of_label[stays]
    annotated = np.zeros_like(records.annotated)
    annotated[image, attribute_of_class[class_ids]] = True
    return replace(
        records,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(image, minlength=len(records)))]),
        class_ids=(np.cumsum(kept) - 1)[class_ids],
        annotated=annotated,
        roles=records.roles * annotated,
        num_classes=int(kept.sum()),
    )
