"""Trainings in processes of their own, forked from one that has imported all they need."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Training:
    """A process that runs a command.

    Attributes:
        pid: Of the process.
        log: What it says.
    """

    pid: int
    log: Path

    def send(self, signum: signal.Signals) -> None:
        """Kill it alone, as the system does where memory ends; other signals go to its loaders too.

        So do terminals and clusters.
        """
        if signum == signal.SIGKILL:
            os.kill(self.pid, signum)
        else:
            os.killpg(self.pid, signum)

    def children(self) -> list[int]:
        """Give the processes that it has started."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(one) for one in found]

    def wait_for_second(self) -> int | None:
        """Give the process that trains beside it, as soon as that has started; None if never."""
        found: list[int] = []

        def look() -> bool:
            for child in self.children():
                # Libraries ask other programs about the machine, which are gone in a moment.
                with suppress(OSError):
                    if b"LOCAL_RANK=1" in Path(f"/proc/{child}/environ").read_bytes():
                        found.append(child)
            return bool(found)

        return found[0] if self.wait_for(look) else None

    def wait_for_others_to_end(self, seconds: float = 20) -> None:
        """Wait until no process of a training that has ended is left."""
        end = time.monotonic() + seconds
        with suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(self.pid, 0)
                time.sleep(0.01)
            raise TimeoutError(f"{self.log}: processes have outlived their training")

    def wait(self, seconds: float = 300) -> int:
        """Give the exit code, -9 after a kill."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        self.send(signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise TimeoutError(f"{self.log} has not ended")

    def wait_for(self, what: Callable[[], bool], seconds: float = 120) -> bool:
        """Wait until something is so; False where the process ends before.

        Args:
            what: Is asked again and again.
            seconds: How long to wait at most.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return True
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return False
            time.sleep(0.0005)
        raise TimeoutError(f"{self.log}: what was waited for did not come")


def start(words: Sequence[object], log: Path, fresh: bool = False) -> Training:
    """Start `m3net` with these words.

    Args:
        words: What stands after it on a command line.
        log: Takes what it says.
        fresh: Whether it imports all anew: a second process is started by the words of the first.
    """
    pid = os.fork()
    if pid:
        return Training(pid, log)
    code = 70
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
        os.environ.pop("M3NET_RUN_FOLDER", None)
        if fresh:
            command = [sys.executable, "-m", "m3net", *map(str, words)]
            os.execv(sys.executable, command)  # noqa: S606 - there is no need for a shell
        torch.set_num_threads(1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from m3net.__main__ import main

        code = main([str(word) for word in words])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the process has no other way to say it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
