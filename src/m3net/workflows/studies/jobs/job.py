"""One process of m3net, and all settings that its words amount to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Settings = dict[str, Any]
Resolve = Callable[[Sequence[str]], Settings]
"""Gives all settings that the words of a training amount to."""

_PLACES = ("runs", "experiment")
"""Settings that say where results lie, not what they are."""


@dataclass(frozen=True)
class Job:
    """One process of m3net.

    Attributes:
        name: Of its log, its record and its experiment.
        words: What stands behind `m3net`.
        settings: All settings that the words amount to.
        files: What its run folder holds when it is done.
    """

    name: str
    words: tuple[str, ...]
    settings: Settings
    files: tuple[str, ...]


def plan_job(
    name: str, words: Sequence[str], files: Sequence[str], folder: Path, resolve: Resolve
) -> Job:
    """Build a job that writes into runs/NAME of a folder.

    Args:
        name: Of the job.
        words: Command and settings.
        files: What its run folder holds when it is done.
        folder: Takes all results.
        resolve: Gives the settings of a training.

    Raises:
        ConfigError: A word is wrong.
    """
    settings = {key: own for key, own in resolve(words).items() if key not in _PLACES}
    places = (f"--runs={folder / 'runs'}", f"--experiment={name}")
    return Job(name, (*words, *places), settings, tuple(files))
