"""Checks of the installation, made before anything heavy is imported."""

import importlib

from m3net.errors import ConfigError


def check_installation() -> None:
    """Refuse an installation that would fail later in words nobody understands.

    Raises:
        ConfigError: torch and torchvision were built apart from one another.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"torch {torch.__version__} and the installed torchvision do not fit together "
            f"({error}). Both must come from the same build: run "
            "'pip uninstall --yes torch torchvision', then 'pip install torch torchvision' in one "
            "command from one index."
        ) from error
