"""Whether the published numbers of a data set may stand beside a test of it."""

from collections.abc import Mapping
from typing import Any

_NEEDED: dict[str, tuple[str, dict[str, Any]]] = {
    "FashionAIDataModule": ("fashionai", {"layout": "index", "published": True}),
    "DARNDataModule": ("darn", {"missing": "error", "published": True}),
    "DeepFashionDataModule": (
        "deepfashion",
        {"layout": "index", "published": True, "protocol": "multi"},
    ),
}
"""For each data set with published numbers its name, and the settings that they were made with."""


def published_name(data: Mapping[str, Any]) -> tuple[str, str]:
    """Give the data set whose published numbers compare, or why they do not.

    Args:
        data: Settings of the data: "class_path" and "init_args".

    Returns:
        Its name, and a sentence; both empty where nothing was published.

    Example:
        >>> published_name({"class_path": "m3net.SyntheticDataModule"})
        ('', '')
        >>> own = {"layout": "index", "published": True, "protocol": "single"}
        >>> published_name({"class_path": "DeepFashionDataModule", "init_args": own})[1]
        "The published numbers are not shown, since they do not compare: data.protocol is 'single',
        and they were made with 'multi'."
    """
    kind = str(data["class_path"]).rsplit(".", 1)[-1]
    if kind not in _NEEDED:
        return "", ""
    name, needed = _NEEDED[kind]
    given = data.get("init_args", {})
    for setting, value in needed.items():
        if given.get(setting) != value:
            return "", (
                "The published numbers are not shown, since they do not compare: "
                f"data.{setting} is {given.get(setting)!r}, and they were made with {value!r}."
            )
    return name, ""
