"""Signals come after the start of a process, and never to the new one."""

import os
import signal
import threading
import time

import pytest

from m3net.stopping import Stopped, StopRequest, held_signals


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_held_signal_comes_after_the_block_whatever_thread_takes_it(signum: int) -> None:
    inside = []

    def start() -> None:
        with StopRequest().listening(), held_signals():
            os.kill(os.getpid(), signum)
            time.sleep(0.05)
            inside.append("all of it")

    other = threading.Thread(target=time.sleep, args=(0.2,))
    other.start()
    with pytest.raises(Stopped) as stop:
        start()
    assert (inside, stop.value.signum) == (["all of it"], signum)
    other.join()


def test_all_is_as_before_when_no_signal_came() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with held_signals():
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    after = signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert after == before
