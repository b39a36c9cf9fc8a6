"""Jobs as processes: side by side, each with a log and a record, and none twice."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3net.base.differences import differences
from m3net.base.files import make_folder, writing
from m3net.errors import ConfigError
from m3net.experiments.run import Run
from m3net.workflows.studies.jobs.begun import has_begun
from m3net.workflows.studies.jobs.job import Job
from m3net.workflows.studies.jobs.record import read_record, write_record
from m3net.workflows.studies.jobs.stops import noted_stops

_PAUSE = 0.1


@dataclass(frozen=True)
class Outcome:
    """What became of a job that was started.

    Attributes:
        job: The job.
        run: Its run folder; None where it failed.
        log: All that it said.
        seconds: How long it took, start and test included.
        reason: The last line of the log, where it failed.
    """

    job: Job
    run: Path | None
    log: Path
    seconds: float
    reason: str = ""


Running = dict[str, tuple[Job, subprocess.Popen[bytes], float]]
"""Processes at work by the name of their job, and when they started."""


@dataclass(frozen=True)
class Runner:
    """Runs jobs and knows which are done.

    A job is done when its record is there, which is written last, and with it all files that it
    names. One that was interrupted goes on in its run folder, where its settings are the same.

    Attributes:
        folder: Takes runs/, logs/ and records/.
    """

    folder: Path

    def find(self, job: Job) -> Path | None:
        """Return the run folder of a finished job; None for an unfinished one.

        Raises:
            M3NetError: It was done with other settings, or its record is damaged.
        """
        file = self._record(job)
        if not file.is_file():
            return None
        record = read_record(file, job.name)
        run = self.folder / record.run
        # Of a name that is too long for a file, pathlib says so by an exception.
        if not all(os.path.isfile(run / name) for name in record.files):
            return None
        changes = differences(record.settings, _plain(job.settings))
        if changes:
            raise ConfigError(
                f"{file} was made with other settings: {'; '.join(changes.values())}. "
                "Restore them, choose another name, or delete the file to train anew."
            )
        return run if {*job.files} <= {*record.files} else None

    def run(self, jobs: Iterable[Job], limit: int, tell: Callable[[Outcome], None]) -> None:
        """Run jobs, some of them side by side; one that fails stops no other.

        Args:
            jobs: Those that are not done; the next one is asked for when there is room for it.
            limit: How many side by side.
            tell: Takes what became of each, when it ends.

        Raises:
            KeyboardInterrupt: It was stopped, by SIGINT or SIGTERM, and so were its processes.
        """
        running: Running = {}
        try:
            # A time limit leaves no trainings behind, as Ctrl-C does not; and an exception in the
            # middle of a start would leave one that nobody knows.
            with noted_stops() as stopped:
                self._run(iter(jobs), limit, tell, running, stopped)
        finally:
            for _, process, _ in running.values():
                process.terminate()
            for _, process, _ in running.values():
                process.wait()

    def _run(
        self,
        waiting: Iterator[Job],
        limit: int,
        tell: Callable[[Outcome], None],
        running: Running,
        stopped: Callable[[], bool],
    ) -> None:
        while True:
            while len(running) < limit and (job := next(waiting, None)) is not None:
                if stopped():
                    break
                running[job.name] = (job, self._start(job, limit), time.monotonic())
            if stopped():
                raise KeyboardInterrupt
            if not running:
                return
            for name, (job, process, start) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    tell(self._finish(job, process.returncode, time.monotonic() - start))
            time.sleep(_PAUSE)

    def _start(self, job: Job, limit: int) -> subprocess.Popen[bytes]:
        begun = has_begun(self.folder / "runs", job.name, _plain(job.settings))
        resume = ["--resume=auto"] if begun else []
        command = [sys.executable, "-m", "m3net", *job.words, *resume]
        threads = str(max(1, (os.cpu_count() or 1) // limit))
        log = self._log(job)
        make_folder(log.parent)
        # What was said before an interruption stays.
        with writing(log), log.open("a" if begun else "w", encoding="utf-8") as stream:
            stream.write(f"{shlex.join(command)}\n")
        with log.open("a", encoding="utf-8") as stream:
            return subprocess.Popen(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # Side by side each would else take all cores.
                env={"OMP_NUM_THREADS": threads} | os.environ if limit > 1 else None,
            )

    def _finish(self, job: Job, code: int, seconds: float) -> Outcome:
        log = self._log(job)
        latest = Run.latest(self.folder / "runs", job.name)
        run = None if latest is None else latest.folder
        lost = [name for name in job.files if run is None or not (run / name).is_file()]
        if code or run is None or lost:
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "")
            reason = last if code else f"its run folder lacks {', '.join(lost)}"
            return Outcome(job, None, log, seconds, reason)
        write_record(self._record(job), job, str(run.relative_to(self.folder)))
        return Outcome(job, run, log, seconds)

    def _log(self, job: Job) -> Path:
        return self.folder / "logs" / f"{job.name}.txt"

    def _record(self, job: Job) -> Path:
        return self.folder / "records" / f"{job.name}.json"


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as JSON returns them."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
