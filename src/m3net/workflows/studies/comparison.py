"""The settings of a comparison: systems, seeds and budget."""

from dataclasses import dataclass, field
from typing import Literal

from m3net.errors import ConfigError
from m3net.models.representations import Ranking

Published = Literal["fashionai", "darn", "deepfashion"]


@dataclass(frozen=True)
class Budget:
    """The budget of each training of a comparison, in images or in minutes."""

    images: int | None = None
    """Training images that a system sees, repeated ones counted again."""
    minutes: float | None = None
    """Minutes of training steps, without validation. A short timing run of each system converts
    them to images before anything else is trained."""

    def __post_init__(self) -> None:
        """Check that one of the two is set.

        Raises:
            ConfigError: Both are set, none is, or it is not positive.
        """
        limits = [limit for limit in (self.images, self.minutes) if limit is not None]
        if len(limits) != 1 or limits[0] <= 0:
            raise ConfigError(
                "a comparison needs one positive budget: set budget.images or budget.minutes, and "
                "the other one to null."
            )


@dataclass(frozen=True)
class System:
    """One row of the table."""

    configs: list[str] = field(default_factory=list)
    """Config files of m3net train, after those that all systems share."""
    flags: list[str] = field(default_factory=list)
    """Flags of m3net train, after those that all systems share."""
    rankings: list[Ranking] | None = None
    """Replaces the shared rankings, for a system that does not support all of them."""
    unavailable: str | None = None
    """Why the system cannot be trained on this data set; the tables name it with this reason."""


@dataclass(frozen=True)
class Comparison:
    """Systems that are trained on one data set, with several seeds, under one budget."""

    name: str
    """Name of the comparison; its results are in RUNS/compare/NAME."""
    systems: dict[str, System]
    """The rows of the table by name: config files, flags, rankings if they differ from the shared
    ones, or why the system cannot be trained on this data set."""
    budget: Budget
    """Images or minutes of each training."""
    configs: list[str] = field(default_factory=list)
    """Config files of m3net train that all systems share, the data's first."""
    flags: list[str] = field(default_factory=list)
    """Flags of m3net train that all systems share."""
    seeds: list[int] = field(default_factory=lambda: [0])
    """Seeds of the weights and of the order of training images; one run for each."""
    rankings: list[Ranking] = field(default_factory=list)
    """Representations that rank each best checkpoint on validation and test images, beside the
    configured one."""
    baseline: str | None = None
    """The system over which relative gains are computed."""
    published: Published | None = None
    """The data set whose published numbers the tables show too, if any."""
    focus: list[str] = field(default_factory=list)
    """Attributes whose mean MAP@all is one more column, named finest."""

    def __post_init__(self) -> None:
        """Check systems, seeds and baseline.

        Raises:
            ConfigError: There is nothing to train, a seed is repeated, or the baseline is unknown.
        """
        if not self.systems or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError("a comparison needs systems, and seeds that differ from one another.")
        self.check_systems([] if self.baseline is None else [self.baseline], "baseline")

    def check_systems(self, names: list[str], setting: str) -> None:
        """Check that all names in a setting are names of systems.

        Raises:
            ConfigError: A name is unknown.
        """
        for name in names:
            if name not in self.systems:
                available = ", ".join(self.systems)
                raise ConfigError(f"{setting}: unknown system {name!r}. Available: {available}.")

    def rankings_of(self, system: str) -> list[Ranking]:
        """Return the rankings of a system beside its configured one."""
        rankings = self.systems[system].rankings
        return self.rankings if rankings is None else rankings
