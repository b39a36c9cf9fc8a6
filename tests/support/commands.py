"""What tests of commands share: their types, where the repository lies, and a common flag."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"

Command = Callable[..., CompletedProcess[str]]
"""Runs m3net with arguments and returns how it ended."""
Refusal = Callable[[CompletedProcess[str]], str]
"""Returns the one sentence of a command that was refused."""

NO_GALLERY = "--model.metrics.top_k=0"
"""Draw no lists: for the few images of a test they take longer than their scores."""
