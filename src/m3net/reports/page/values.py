"""What a page shows. All texts are plain: the templates escape them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from m3net.reports.page.curves import Chart
from m3net.reports.sheets import Sheet


@dataclass(frozen=True)
class Heading:
    """What was trained and tested.

    Attributes:
        title: Of the page.
        facts: Names and values, in order.
        commands: What each command does, and the line to type.
        notes: Sentences.
        settings: The run's config.yaml; empty where there is none.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    commands: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    settings: str = ""


@dataclass(frozen=True)
class Curves:
    """Small charts over the steps of a training.

    Attributes:
        charts: In order.
        runs: Names of the lines, as many as each chart has at most; one run needs no key.
        notes: Sentences, such as why there is no chart.
    """

    charts: Sequence[Chart] = ()
    runs: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Photo:
    """A photo and what is said of it.

    Attributes:
        source: A data URI.
        name: Its path.
        labels: Its classes of the attribute, in words; empty where it carries none.
    """

    source: str
    name: str
    labels: str


@dataclass(frozen=True)
class Found:
    """A gallery photo that came back.

    Attributes:
        photo: It.
        score: Its inner product with the query.
        right: Whether it is relevant.
    """

    photo: Photo
    score: float
    right: bool


@dataclass(frozen=True)
class Answer:
    """A query and what came back.

    Attributes:
        query: The query photo; of a query that asks for one class, labelled by that class.
        place: Its place among the attribute's queries by average precision, from 1, the best.
        average_precision: In [0, 1].
        num_relevant: Gallery images that are relevant.
        results: From the best on.
    """

    query: Photo
    place: int
    average_precision: float
    num_relevant: int
    results: Sequence[Found]


@dataclass(frozen=True)
class Gallery:
    """Queries of one attribute.

    Attributes:
        attribute: Its name.
        num_queries: All of them.
        groups: A heading, as "best", and its answers; none where the attribute has no query.
    """

    attribute: str
    num_queries: int
    groups: Sequence[tuple[str, Sequence[Answer]]]


@dataclass(frozen=True)
class ClassMap:
    """A class in one photo.

    Attributes:
        name: Of the class.
        probability: That the photo carries it, in [0, 1].
        is_label: Whether it does; None where the photo is not annotated for the attribute.
        source: The photo with the map laid over it, a data URI; empty for a network that does not
            attend to classes.
    """

    name: str
    probability: float
    is_label: bool | None
    source: str = ""


@dataclass(frozen=True)
class AttributeMap:
    """An attribute in one photo.

    Attributes:
        name: Of the attribute.
        labels: The photo's classes of it, in words.
        source: As of `ClassMap`; empty for a network without a map of attributes.
        classes: From the most probable on.
    """

    name: str
    labels: str
    source: str
    classes: Sequence[ClassMap]


@dataclass(frozen=True)
class Looks:
    """Where the network looks in one photo.

    Attributes:
        photo: As the network sees it.
        attributes: In their order.
    """

    photo: Photo
    attributes: Sequence[AttributeMap]


@dataclass(frozen=True)
class Confusion:
    """Which classes come back when one is asked for.

    Attributes:
        attribute: Its name.
        several: Whether an image may carry several classes of it.
        classes: Names of all K classes.
        num_queries: For each class, the queries that ask for it.
        shares: K rows of K shares in [0, 1]; None in a row without queries. Empty where the
            matrix is cut.
        pairs: Where the matrix is cut, the pairs of two classes with the highest shares: asked for,
            came back, share.
    """

    attribute: str
    several: bool
    classes: Sequence[str]
    num_queries: Sequence[int]
    shares: Sequence[Sequence[float | None]]
    pairs: Sequence[tuple[str, str, float]] = ()


@dataclass(frozen=True)
class Point:
    """An image on a map.

    Attributes:
        x: From 0 to 1, to the right.
        y: From 0 to 1, downwards.
        thumbnail: Its place in the sprite.
        group: Its place in `Plane.groups`.
    """

    x: float
    y: float
    thumbnail: int
    group: int


@dataclass(frozen=True)
class Plane:
    """The ranking vectors of one attribute, brought to two dimensions.

    Attributes:
        attribute: Its name.
        num_images: All that take part, of which the points are a sample.
        groups: Names of the classes that have a mark of their own, the rest in the last.
        has_rest: Whether the last group is that of all other classes.
        points: In any order.
        note: Why there is no map; empty where there is one.
    """

    attribute: str
    num_images: int
    groups: Sequence[str] = ()
    has_rest: bool = False
    points: Sequence[Point] = ()
    note: str = ""


@dataclass(frozen=True)
class Sprite:
    """Many thumbnails in one picture, row by row.

    Attributes:
        source: A data URI.
        columns: Thumbnails in a row.
        rows: Number of rows.
        names: Paths of the photos, in order.
    """

    source: str
    columns: int
    rows: int
    names: Sequence[str]


@dataclass(frozen=True)
class Page:
    """All that a page shows, in its order.

    Attributes:
        heading: What was trained and tested.
        scores: The table of scores; beside it, where they compare, the published ones.
        curves: Of this run.
        galleries: One for each attribute; none where no lists were kept.
        top_k: Length of the lists.
        looks: One for each photo.
        confusions: One for each attribute that has queries.
        planes: One for each attribute.
        sprite: The thumbnails of all maps; None where there is no map.
        seed: Of the maps and their samples.
        beside: Tables of this run and others side by side; none without others.
        beside_curves: The curves of all of them.
        beside_notes: What is to be known of the comparison.
    """

    heading: Heading
    scores: Sequence[Sheet]
    curves: Curves
    galleries: Sequence[Gallery]
    top_k: int
    looks: Sequence[Looks]
    confusions: Sequence[Confusion]
    planes: Sequence[Plane]
    sprite: Sprite | None
    seed: int
    beside: Sequence[Sheet] = ()
    beside_curves: Curves = field(default_factory=Curves)
    beside_notes: Sequence[str] = ()
