"""`python -m tests.fuzz`: breaks files by chance and gives them to the readers.

A reader may read what it is given or raise an `M3NetError` that names the file. Anything else ends
the run with the seed of the case, whose file is kept. The same seed gives the same files.
"""

import argparse
import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path

from m3net.errors import ConfigError, M3NetError
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import Target, targets

CASES = 205_000
SECONDS = 30
"""A case that takes longer hangs."""
MOST_MEMORY = 1.0
"""GiB by which the process may grow over a whole run."""


def main() -> int:
    """Run all readers, or some."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="Of all readers together.")
    parser.add_argument("--seed", type=int, default=0, help="Of the first case of each reader.")
    parser.add_argument("--only", default="", help="Readers whose name holds this.")
    given = parser.parse_args()
    # What decoders say of each file would bury what went wrong.
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGALRM, _hangs)
    with tempfile.TemporaryDirectory() as folder:
        chosen = [own for own in targets(Path(folder)) if given.only in own.name]
        whole = sum(own.share for own in chosen)
        total = failed = 0.0
        for own in chosen:
            number = max(given.cases * own.share // whole, 1)
            done = fuzz(own, given.seed, number)
            print(json.dumps({"reader": own.name, "seed": given.seed} | done), flush=True)
            total += done["cases"]
            failed += done["failed"]
    print(json.dumps({"cases": int(total), "failed": int(failed)}))
    return int(failed > 0)


def fuzz(target: Target, seed: int, number: int) -> dict[str, float]:
    """Give what became of some cases of one reader: read, refused, or failed, with a report."""
    whole = target.file.read_bytes() if target.file.exists() else None
    before, start = _gibibytes(), time.monotonic()
    counts = {"cases": number, "read": 0, "refused": 0, "failed": 0}
    for case in range(seed, seed + number):
        content = mutate(target.corpus, zlib.crc32(target.name.encode()) * 2**32 + case)
        target.file.write_bytes(target.repair(content))
        counts[judge(target, case)] += 1
    if whole is None:
        target.file.unlink()
    else:
        target.file.write_bytes(whole)
    grown = _gibibytes() - before
    if grown > MOST_MEMORY:
        sys.stderr.write(f"{target.name}: memory grew by {grown:.2f} GiB\n")
        counts["failed"] += 1
    about = {"gib": round(grown, 2), "seconds": round(time.monotonic() - start, 1)}
    return counts | about


def judge(target: Target, case: int) -> str:
    """Read one file and say how that ended."""
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(target.file)
    except M3NetError as error:
        # Of files that contradict one another, it may be the other one.
        named = str(target.file.parent) in str(error) or isinstance(error, ConfigError)
        if named and "\n" not in str(error):
            return "refused"
        return _report(target, case, f"the error does not name the file: {error}")
    except BaseException:  # noqa: BLE001 - whatever else it is, it is what is looked for
        return _report(target, case, traceback.format_exc())
    finally:
        signal.alarm(0)
    return "read"


def _report(target: Target, case: int, text: str) -> str:
    kept = Path(tempfile.gettempdir(), f"m3net-fuzz-{case}-{target.file.name}")
    shutil.copy(target.file, kept)
    sys.stderr.write(f"{target.name}, seed {case}, file {kept}:\n{text}\n")
    return "failed"


def _hangs(signum: int, frame: object) -> None:
    del signum, frame
    raise TimeoutError(f"it takes more than {SECONDS} seconds")


def _gibibytes() -> float:
    """Give the most memory that the process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    sys.exit(main())
