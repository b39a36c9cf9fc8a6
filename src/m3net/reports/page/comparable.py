"""Whether the scores of two runs are of the same queries and galleries, as far as files tell."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from m3net.errors import ConfigError
from m3net.reports.page.run_files import RunFiles

PLACES = ("root", "file", "annotations", "names_file")
"""Settings of the data that say where it lies."""
_HARMLESS = ("loading", "train_list")
"""Settings of the data that leave queries and galleries as they are."""
_KEY = ("attribute", "protocol", "num_queries", "num_gallery")


def check_data(data: Mapping[str, Any], other: RunFiles) -> list[str]:
    """Refuse a run that was tested on other data or another split.

    Args:
        data: Settings of this evaluation's data: "class_path" and "init_args".
        other: The run that is to stand beside it.

    Returns:
        Sentences on what differs and may or may not matter.

    Raises:
        ConfigError: The settings of its data differ in what decides on queries and galleries.
    """
    theirs = (other.config or {})["data"]
    kinds = [str(own["class_path"]).rsplit(".", 1)[-1] for own in (data, theirs)]
    if kinds[0] != kinds[1]:
        raise _error(other, f"it was tested on data of {kinds[1]}, this run on {kinds[0]}")
    mine, given = (_plain(own.get("init_args", {})) for own in (data, theirs))
    differing = [
        name
        for name in sorted(mine.keys() | given.keys())
        if mine.get(name) != given.get(name) and name not in _HARMLESS
    ]
    for name in differing:
        if name not in PLACES:
            values = f"{given.get(name)!r} there and {mine.get(name)!r} here"
            raise _error(other, f"the setting data.{name} is {values}")
    return [
        f"{other.name} was tested on data at another place (data.{name} is "
        f"{given.get(name)!r} there and {mine.get(name)!r} here); that it is the same is not "
        "checked, beyond its numbers of queries and gallery images."
        for name in differing
    ]


def check_scores(scores: pd.DataFrame, without_relevant: str, other: RunFiles) -> None:
    """Refuse a run whose scores are of another protocol, or of other numbers of images.

    Args:
        scores: Of this run, as scores.csv holds them.
        without_relevant: What a query with nothing to find does in this run's scores.
        other: A run that has been tested.

    Raises:
        ConfigError: They are.
    """
    if other.scores is None or other.config is None:
        raise _error(other, "it has not been tested")
    protocols = [" and ".join(sorted({*own["protocol"]})) for own in (scores, other.scores)]
    if protocols[0] != protocols[1]:
        said = f"its protocol is {protocols[1]}, that of this run is {protocols[0]}"
        raise _error(other, said)
    mine, theirs = (_rows(own) for own in (scores, other.scores))
    if [row[0] for row in mine] != [row[0] for row in theirs]:
        raise _error(other, "its attributes are not those of this run")
    for own, their in zip(mine, theirs, strict=True):
        if own != their:
            raise _error(
                other,
                f"attribute {own[0]!r} has {their[2]:,} queries and {their[3]:,} gallery images "
                f"there, {own[2]:,} and {own[3]:,} here",
            )
    fate = other.config["model"]["metrics"]["without_relevant"]
    if fate != without_relevant:
        said = f"queries with nothing to find are treated by {fate!r} there"
        raise _error(other, f"{said}, by {without_relevant!r} here")


def _rows(scores: pd.DataFrame) -> Sequence[tuple[Any, ...]]:
    return [tuple(row) for row in scores[list(_KEY)].itertuples(index=False, name=None)]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings as a file holds them: no tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def _error(other: RunFiles, said: str) -> ConfigError:
    return ConfigError(
        f"{other.folder} cannot stand beside this run, since their numbers do not compare: {said}. "
        "Leave it out, or test both on the same data by the same protocol."
    )
