"""From query results to gallery pictures: photos and names come in."""

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from m3net.base.files import make_folder
from m3net.data.dataset import RetrievalDataset
from m3net.data.taxonomy import Taxonomy
from m3net.metrics.query_results import QueryResults
from m3net.reports.galleries import GalleryRow, Tile, draw_gallery


@dataclass(frozen=True)
class GalleryMaker:
    """Draws what an evaluation retrieved, as many gallery images per query as its results keep.

    Attributes:
        dataset: The evaluated images.
        taxonomy: Names of their classes.
        queries: Queries per attribute, evenly from the best average precision to the worst.
    """

    dataset: RetrievalDataset
    taxonomy: Taxonomy
    queries: int

    def draw_all(self, results: dict[str, QueryResults], folder: Path) -> None:
        """Draw one picture per attribute, and one with the median query of each.

        Args:
            results: For each attribute what became of its queries.
            folder: Takes gallery.png and galleries/<attribute>.png.
        """
        make_folder(folder / "galleries")
        typical = []
        for attribute, own in results.items():
            order = own.terms["map_all"].argsort(descending=True, stable=True).tolist()
            if not order:
                continue
            places = np.linspace(0, len(order) - 1, min(self.queries, len(order))).astype(int)
            rows = [self.row(attribute, own, order[place]) for place in places]
            draw_gallery(rows, folder / "galleries" / f"{_file_name(attribute)}.png")
            typical.append(self.row(attribute, own, order[len(order) // 2]))
        if typical:
            draw_gallery(typical, folder / "gallery.png")

    def row(self, attribute: str, results: QueryResults, query: int) -> GalleryRow:
        """Give one query and its best gallery images.

        Args:
            attribute: Name of the attribute.
            results: What became of the attribute's queries.
            query: Which of them.
        """
        best, relevant = results.top_index[query].tolist(), results.top_relevant[query].tolist()
        found = [(image, right) for image, right in zip(best, relevant, strict=True) if image >= 0]
        return GalleryRow(
            attribute=attribute,
            average_precision=float(results.terms["map_all"][query]),
            query=self._query_tile(attribute, results, query),
            results=[self._tile(attribute, image, right) for image, right in found],
        )

    def _query_tile(self, attribute: str, results: QueryResults, query: int) -> Tile:
        """Show the query under the class that it asks for, where it asks for one of its classes."""
        tile = self._tile(attribute, int(results.query_index[query]), None)
        label = int(results.query_class[query])
        if label < 0:
            return tile
        own = self.taxonomy.attributes[self.taxonomy.names.index(attribute)]
        return replace(tile, caption=own.classes[label])

    def _tile(self, attribute: str, image: int, relevant: bool | None) -> Tile:
        record = self.dataset.records[image]
        own = self.taxonomy.slices[self.taxonomy.names.index(attribute)]
        names = [self.taxonomy.class_name(c) for c in record.class_ids if own.start <= c < own.stop]
        return Tile(self.dataset.reader(record), ", ".join(names), relevant)


def _file_name(attribute: str) -> str:
    """Make a name that any file system takes, another one for each attribute."""
    return "".join(letter if letter.isalnum() else quote(letter, safe="-_") for letter in attribute)
