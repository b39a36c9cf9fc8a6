"""Jobs as processes, several at a time, each with a log and a record."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from m3net.base.files import make_folder, writing
from m3net.base.lock import Lock
from m3net.base.signals import StopRequest
from m3net.boundary.links import check_run_folder
from m3net.experiments.run import Run
from m3net.workflows.studies.job import Job, can_resume, check_unchanged, read_record, write_record

_PAUSE = 0.1


@dataclass(frozen=True)
class Outcome:
    """The result of a job."""

    job: Job
    run: Path | None
    """Its run folder; None if it failed."""
    seconds: float | None
    """Time from start to end; None if an earlier command finished the job."""
    reason: str = ""
    """Why it failed, and its log."""

    @property
    def duration(self) -> str:
        """The time that it took, for a progress line."""
        return "done before" if self.seconds is None else f"{self.seconds / 60:.1f} min"


@dataclass(frozen=True)
class _Process:
    job: Job
    popen: subprocess.Popen[bytes]
    start: float


@contextmanager
def study_folder(folder: Path, trains: bool = True) -> Iterator[None]:
    """Create the folder of a study; keep it to this process within a block.

    Args:
        folder: The study's folder.
        trains: False lets another process train there meanwhile.

    Raises:
        M3NetError: It cannot be created, holds a link that leads out of it, or another process
            trains there.
    """
    make_folder(folder)
    check_run_folder(folder)
    _lock = Lock(folder / ".lock") if trains else None
    yield


class Runner:
    """Runs the jobs of a study and finds the finished ones.

    A job has finished if its record exists, which is written last, and all files that the record
    names. An interrupted job resumes in its run folder if its settings are the same.

    Attributes:
        folder: The study's folder, with runs/, logs/ and records/.
    """

    def __init__(self, folder: Path) -> None:
        """Start no process yet."""
        self.folder = folder
        self._running: list[_Process] = []

    def find(self, job: Job) -> Path | None:
        """Return the run folder of a finished job; None for an unfinished one.

        Raises:
            M3NetError: The job finished with other settings, or its record is damaged.
        """
        file = self._record(job)
        if not file.is_file():
            return None
        record = read_record(file, job.name)
        run = self.folder / record.run
        # pathlib raises an exception for a name that is too long.
        if not all(os.path.isfile(run / name) for name in record.files):
            return None
        check_unchanged(record.settings, job.settings, file, file)
        return run if {*job.files} <= {*record.files} else None

    def run(self, jobs: Iterable[Job], limit: int, on_end: Callable[[Outcome], None]) -> None:
        """Run the unfinished jobs; a job that fails does not stop the others.

        Args:
            jobs: Jobs, finished ones among them; each is requested when a process can start.
            limit: Number of processes at a time.
            on_end: Called with the outcome of each job when it ends.

        Raises:
            Stopped: A signal came; all processes have ended.
            M3NetError: See `find`.
        """
        request = StopRequest()
        # An exception during a start would leave a process that nobody ends.
        request.patient = True
        try:
            with request.listening():
                for job in jobs:
                    request.follow()
                    if (run := self.find(job)) is not None:
                        on_end(Outcome(job, run, None))
                        continue
                    self._running.append(self._start(job, limit))
                    while len(self._running) >= limit:
                        self._collect(request, on_end)
                while self._running:
                    self._collect(request, on_end)
        finally:
            for process in self._running:
                process.popen.terminate()
            for process in self._running:
                process.popen.wait()
            self._running.clear()

    def _collect(self, request: StopRequest, on_end: Callable[[Outcome], None]) -> None:
        """Report the processes that have ended."""
        request.follow()
        for process in [each for each in self._running if each.popen.poll() is not None]:
            self._running.remove(process)
            on_end(self._finish(process))
        time.sleep(_PAUSE)

    def _start(self, job: Job, limit: int) -> _Process:
        resumes = can_resume(self.folder / "runs", job.name, job.settings)
        resume = ["--resume=auto"] if resumes else []
        command = [sys.executable, "-m", "m3net", *job.arguments, *resume]
        log = self._log(job)
        make_folder(log.parent)
        # The log of an interrupted job is continued.
        with writing(log), log.open("a" if resumes else "w", encoding="utf-8") as stream:
            stream.write(f"{shlex.join(command)}\n")
        # Without a limit, each of several processes would use all cores.
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // limit))}
        with log.open("a", encoding="utf-8") as stream:
            popen = subprocess.Popen(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=threads | os.environ if limit > 1 else None,
            )
        return _Process(job, popen, time.monotonic())

    def _finish(self, process: _Process) -> Outcome:
        """Record a finished job, or find out why it failed."""
        job, log = process.job, self._log(process.job)
        seconds = time.monotonic() - process.start
        latest = Run.latest(self.folder / "runs", job.name)
        run = None if latest is None else latest.folder
        lost = [name for name in job.files if run is None or not (run / name).is_file()]
        if run is not None and not lost and process.popen.returncode == 0:
            write_record(self._record(job), job, str(run.relative_to(self.folder)))
            return Outcome(job, run, seconds)
        reason = f"its run folder lacks {', '.join(lost)}"
        if process.popen.returncode:
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
            reason = next((line for line in reversed(lines) if line.strip()), "")
        return Outcome(job, None, seconds, f"{reason} (log: {log})")

    def _log(self, job: Job) -> Path:
        return self.folder / "logs" / f"{job.name}.txt"

    def _record(self, job: Job) -> Path:
        return self.folder / "records" / f"{job.name}.json"
