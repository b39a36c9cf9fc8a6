"""How much memory a process has held at most."""

import resource
import sys


def peak_gib() -> float:
    """Give the high-water mark of this process; on Linux it starts with its parent's."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
