"""Signals that ask a training to stop: it stops where it can go on later."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType
from typing import Any

GO_ON_LATER = 75
"""Exit code after SIGTERM and SIGUSR1: EX_TEMPFAIL of sysexits.h, "try again later"."""
BY_HAND = 130
"""Exit code after Ctrl-C, as shells give it."""
_PAUSE = 1.0
"""Seconds after which a loader process looks again whether its training lives."""
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
        """Take over the signals from whoever has them, as Lightning, which kills or requeues.

        SIGINT stays ignored where it is, as a shell lets what it runs in the background do.
        """
        if threading.current_thread() is threading.main_thread():
            for one in _HEEDED:
                if one != signal.SIGINT or signal.getsignal(one) is not signal.SIG_IGN:
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
        self.signum = self.signum or signum
        if not self.patient or again:
            raise Stopped(signum)


@contextmanager
def held_signals() -> Iterator[None]:
    """Hold signals back: from this process within a block, from those it starts there for ever.

    What a signal raises is lost in a process that is being started, and would end the new one too.
    """
    came: list[int] = []
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        # Others raise nothing; and one that C has set up, as faulthandler does, would be lost.
        found = {one: signal.getsignal(one) for one in _HEEDED}
        before = {one: handler for one, handler in found.items() if callable(handler)}
    holds = True

    def note(signum: int, frame: FrameType | None) -> None:
        if holds:
            came.append(signum)
        else:  # what another thread took while handlers were put back has left this one behind
            before[signal.Signals(signum)](signum, frame)

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        # What came just before may be raised here, when they are blocked already.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        for one in before:
            # Another thread, which does not hold it back, may take a signal for this one.
            signal.signal(one, note)
        yield
    finally:
        try:
            for one, handler in before.items():
                signal.signal(one, handler)
        finally:
            holds = False
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for signum in came:
            signal.raise_signal(signum)


def outlive_signals() -> None:
    """Let a loader process, from which signals are held back, end with its parent alone.

    A terminal and a cluster send their signals to all processes at once, and a training whose
    loaders die cannot end its step. Its parent ends a process by SIGTERM too.
    """
    if sys.platform == "darwin":  # it does not say who has sent a signal
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    else:
        # A fork server that others have started lets them through.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        threading.Thread(target=_end_with_parent, name="loader-signals", daemon=True).start()


def _end_with_parent() -> None:
    # Forked, it has the parent's own end at once, but shares with later ones what is_alive looks
    # at; from a fork server, it is the server's child.
    parent, forked_by = parent_process(), os.getppid()
    while parent is not None and parent.is_alive() and os.getppid() == forked_by:
        came = signal.sigtimedwait([signal.SIGTERM], _PAUSE)
        if came is not None and came.si_pid == parent.pid:
            break
    os._exit(0)
