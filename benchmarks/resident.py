"""The peak memory of a process."""

import resource
import sys


def peak_gib() -> float:
    """Return the high-water mark of this process; on Linux it starts with its parent's."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
