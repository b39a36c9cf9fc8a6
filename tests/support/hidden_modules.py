"""Hide installed libraries from other processes, as if they were not installed."""

from pathlib import Path

_CODE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def hide_modules(folder: Path, *names: str) -> str:
    """Write a module that hides others from each Python with this folder in its PYTHONPATH.

    Args:
        folder: An existing folder.
        names: Of the modules that are hidden.

    Returns:
        The folder, for PYTHONPATH.
    """
    (folder / "sitecustomize.py").write_text(_CODE.format(names=set(names)), encoding="utf-8")
    return str(folder)
