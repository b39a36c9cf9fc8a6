"""What a comparison is asked for."""

from dataclasses import dataclass, field
from typing import Literal

from m3net.errors import ConfigError
from m3net.models.representations import Ranking

Published = Literal["fashionai", "darn", "deepfashion"]


@dataclass(frozen=True)
class Budget:
    """What each training of a comparison may use; one of the two.

    Attributes:
        images: Training images that a system sees, repeated ones counted again.
        minutes: Minutes of training steps, without validations. A short timing run of each system
            turns them into images once, before anything else.
    """

    images: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Refuse anything but one positive number.

        Raises:
            ConfigError: Both are given, none is, or it is not positive.
        """
        given = [number for number in (self.images, self.minutes) if number is not None]
        if len(given) != 1 or given[0] <= 0:
            raise ConfigError(
                "a comparison needs one positive budget: set budget.images or budget.minutes, and "
                "the other one to null."
            )


@dataclass(frozen=True)
class System:
    """One row of the table.

    Attributes:
        configs: Config files of m3net train, after those that all systems share.
        flags: Flags of m3net train, after those that all systems share.
        rankings: What its checkpoints are ranked by, where it has not all of the shared rankings.
        unavailable: Why this data set cannot have the system; it is then named, and not trained.
    """

    configs: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    rankings: list[Ranking] | None = None
    unavailable: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Systems that are trained on one data set, with several seeds, under one budget.

    Attributes:
        name: Of the comparison; its results lie in RUNS/compare/NAME.
        systems: The rows of the table by name: config files, flags, and rankings of its own where
            it has not all; or why this data set cannot have it.
        budget: Images or minutes of each training.
        configs: Config files of m3net train that all systems share, the data's first.
        flags: Flags of m3net train that all systems share.
        seeds: Seeds of weights and of the order of training images; each gives a run.
        rankings: Representations that rank each best checkpoint, on validation and test images,
            beside the configured one.
        baseline: The system over which relative gains are given.
        published: The data set whose published numbers stand beside, if any.
        focus: Attributes whose mean MAP@all is one more column, named finest.
    """

    name: str
    systems: dict[str, System]
    budget: Budget
    configs: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    rankings: list[Ranking] = field(default_factory=list)
    baseline: str | None = None
    published: Published | None = None
    focus: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse settings that name no comparison.

        Raises:
            ConfigError: There is nothing to train, a seed stands twice, or the baseline is unknown.
        """
        if not self.systems or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError("a comparison needs systems, and seeds that differ from one another.")
        self.check_systems([] if self.baseline is None else [self.baseline], "baseline")

    def check_systems(self, names: list[str], setting: str) -> None:
        """Refuse names that are no systems.

        Raises:
            ConfigError: One is unknown.
        """
        for name in names:
            if name not in self.systems:
                known = ", ".join(self.systems)
                raise ConfigError(f"{setting}: there is no system {name!r}; there are {known}.")
