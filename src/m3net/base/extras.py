"""Libraries that come with an extra of m3net, since most commands need none of them."""

import importlib

from m3net.errors import ConfigError

_EXTRAS = {"wandb": ("Weights & Biases", "wandb"), "optuna": ("Optuna", "sweep")}
"""Title of each library and its extra in pyproject.toml."""


def check_extra(library: str) -> None:
    """Import "wandb" or "optuna".

    Raises:
        ConfigError: It is not installed.
    """
    try:
        importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        title, extra = _EXTRAS[library]
        raise ConfigError(f"{title} is not installed: pip install 'm3net[{extra}]'.") from error
