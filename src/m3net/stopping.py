"""Signals that ask a training to stop: it stops where it can go on later."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

GO_ON_LATER = 75
"""Exit code after SIGTERM and SIGUSR1: EX_TEMPFAIL of sysexits.h, "try again later"."""
BY_HAND = 130
"""Exit code after Ctrl-C, as shells give it."""
GRACE = 30
"""Seconds by which loader processes outlive a SIGTERM."""
_HEEDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(BaseException):
    """A signal has ended the work; no error, and nothing that code on the way should catch."""

    def __init__(self, signum: int) -> None:
        """Take the signal."""
        super().__init__(signum)
        self.signum = signum

    @property
    def code(self) -> int:
        """The exit code that tells how the process was stopped."""
        return BY_HAND if self.signum == signal.SIGINT else GO_ON_LATER


class StopRequest:
    """Keeps a signal until a training can save its state; at other times it stops at once.

    Attributes:
        signum: The signal that waits to be followed; 0 for none.
        patient: Whether signals wait. A second Ctrl-C does not.
        run: The folder of the training; None before there is one.
    """

    def __init__(self) -> None:
        """Wait for nothing."""
        self.signum, self.patient = 0, False
        self.run: Path | None = None

    def listen(self) -> None:
        """Take over the signals from whoever has them, as Lightning, which kills or requeues."""
        if threading.current_thread() is threading.main_thread():
            for one in _HEEDED:
                signal.signal(one, self._take)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen within a block."""
        before = {one: signal.getsignal(one) for one in _HEEDED}
        self.listen()
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for one, handler in before.items():
                    signal.signal(one, handler)

    def follow(self) -> None:
        """Stop, where a signal waits.

        Raises:
            Stopped: One does.
        """
        if self.signum:
            raise Stopped(self.signum)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        del frame
        again = self.signum == signal.SIGINT == signum
        if not self.patient or again:
            raise Stopped(signum)
        self.signum = self.signum or signum


def outlive_signals() -> None:
    """Let a loader process live while the training that it loads for saves its state.

    A terminal and a cluster send their signals to all processes at once, and a training whose
    loaders die cannot end its step. SIGTERM, by which Python ends its processes too, is delayed.
    """

    def delay(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        signal.alarm(GRACE)

    signal.signal(signal.SIGTERM, delay)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
