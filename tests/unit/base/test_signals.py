"""Signals come after the start of a process, and never to the new one."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from m3net.base.signals import Stopped, StopRequest, held_signals

LISTENING = """
import signal
from m3net.base.signals import Stopped, StopRequest
with StopRequest().listening():
    signal.raise_signal(signal.SIGINT)
    print("goes on")
    try:
        signal.raise_signal(signal.SIGTERM)
    except Stopped as stop:
        print("stopped by", stop.signum)
"""
SIGNALLED = """
import os, random, signal, time
from m3net.base.signals import held_signals

class Came(BaseException):
    pass

def take(*_):
    if raises:
        raise Came

raises, came, parent = False, 0, os.getpid()
signal.signal(signal.SIGUSR1, take)
sender = os.fork()
while not sender and os.getppid() == parent:
    os.kill(parent, signal.SIGUSR1)
    time.sleep(random.random() * 2e-4)
if not sender:
    os._exit(0)
for _ in range(20_000):
    try:
        raises = True
        with held_signals():
            pass
        raises = False
    except Came:
        raises = False
        came += 1
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getsignal(signal.SIGUSR1) is take
os.kill(sender, signal.SIGKILL)
print(came)
"""
TRACING = """
import faulthandler, signal
from m3net.base.signals import held_signals
faulthandler.register(signal.SIGUSR1)
with held_signals():
    pass
signal.raise_signal(signal.SIGUSR1)
print("goes on")
"""


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


def test_what_a_shell_lets_its_background_ignore_stays_ignored() -> None:
    """Ctrl-C is for what runs in front: a comparison goes on, and so have its trainings to."""
    words = ["sh", "-c", '"$@" & wait $!', "sh", sys.executable, "-c", LISTENING]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\nstopped by 15\n"), done.stderr


def test_what_comes_where_a_block_begins_or_ends_leaves_no_signal_blocked() -> None:
    # In a process of one thread, which all signals come to.
    done = subprocess.run([sys.executable, "-c", SIGNALLED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_a_handler_that_python_does_not_know_stays() -> None:
    done = subprocess.run([sys.executable, "-c", TRACING], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "most recent call first" in done.stderr
