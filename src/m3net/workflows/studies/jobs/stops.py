"""Signals to stop, noted where an exception would come at the wrong moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_stops() -> Iterator[Callable[[], bool]]:
    """Note SIGINT and SIGTERM, and give a function that tells whether one has come.

    What this process ignores, as SIGINT in the background of a shell, it goes on to ignore.

    Example:
        >>> with noted_stops() as stopped:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stopped()
        True
    """
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    before = {own: signal.getsignal(own) for own in _STOPS}
    try:
        for own in _STOPS:
            if before[own] is not signal.SIG_IGN:
                signal.signal(own, note)
        yield lambda: came
    finally:
        for own in _STOPS:
            signal.signal(own, before[own])
