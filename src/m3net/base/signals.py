"""Signals that ask a training to stop: it stops where it can resume."""

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

RESUMABLE = 75
"""Exit code after SIGTERM and SIGUSR1: EX_TEMPFAIL of sysexits.h, "try again later"."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""
_POLL_SECONDS = 1.0
_HANDLED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(BaseException):
    """A signal ended the work; not an error, so that no `except Exception` catches it."""

    def __init__(self, signum: int) -> None:
        """Keep the signal."""
        super().__init__(signum)
        self.signum = signum

    @property
    def code(self) -> int:
        """The exit code, which tells how the process was stopped."""
        return INTERRUPTED if self.signum == signal.SIGINT else RESUMABLE


class StopRequest:
    """Keeps a signal until a training can save its state; at other times it stops at once.

    Attributes:
        signum: The signal that waits; 0 for none.
        patient: Whether signals wait. A second Ctrl-C does not.
        run: The folder of the training; None before there is one.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self.signum, self.patient = 0, False
        self.run: Path | None = None

    def listen(self) -> None:
        """Take over the signals from any other handler; Lightning's would kill or requeue.

        SIGINT stays ignored where a shell ignores it, for commands in the background.
        """
        if threading.current_thread() is threading.main_thread():
            for signum in _HANDLED:
                if signum != signal.SIGINT or signal.getsignal(signum) is not signal.SIG_IGN:
                    signal.signal(signum, self._receive)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen within a block."""
        before = {signum: signal.getsignal(signum) for signum in _HANDLED}
        self.listen()
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for signum, handler in before.items():
                    signal.signal(signum, handler)

    def follow(self) -> None:
        """Stop if a signal waits.

        Raises:
            Stopped: One does.
        """
        if self.signum:
            raise Stopped(self.signum)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        del frame
        repeated = self.signum == signal.SIGINT == signum
        self.signum = self.signum or signum
        if not self.patient or repeated:
            raise Stopped(signum)


@contextmanager
def held_signals() -> Iterator[None]:
    """Hold signals back from this process within a block, and forever from those started there.

    A signal that arrives while a process is being started would be lost, and would end the new
    process too.
    """
    received: list[int] = []
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        # Only Python's handlers raise; one that C set up, such as faulthandler's, would be lost.
        handlers = {signum: signal.getsignal(signum) for signum in _HANDLED}
        before = {signum: handler for signum, handler in handlers.items() if callable(handler)}
    holding = True

    def receive(signum: int, frame: FrameType | None) -> None:
        if holding:
            received.append(signum)
        else:  # another thread received it while the handlers were being restored
            before[signal.Signals(signum)](signum, frame)

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        # Signals that arrived just before may be raised here, when they are already blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        for signum in before:
            # Another thread, which does not block it, may receive a signal for this one.
            signal.signal(signum, receive)
        yield
    finally:
        try:
            for signum, handler in before.items():
                signal.signal(signum, handler)
        finally:
            holding = False
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number in received:
            signal.raise_signal(number)


def outlive_signals() -> None:
    """Let a worker, whose signals are held back, end only with its parent.

    A terminal and a cluster send their signals to all processes at once, and a training whose
    workers die cannot end its step. The parent itself ends a worker by SIGTERM.
    """
    if sys.platform == "darwin":  # it does not tell who sent a signal
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    else:
        # A fork server that was started elsewhere does not block them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        threading.Thread(target=_end_with_parent, name="loader-signals", daemon=True).start()


def _end_with_parent() -> None:
    # A forked worker sees its parent's death in getppid at once; is_alive reads a pipe that later
    # workers share. A worker of a fork server is the server's child.
    parent, forked_by = parent_process(), os.getppid()
    while parent is not None and parent.is_alive() and os.getppid() == forked_by:
        received = signal.sigtimedwait([signal.SIGTERM], _POLL_SECONDS)
        if received is not None and received.si_pid == parent.pid:
            break
    os._exit(0)
