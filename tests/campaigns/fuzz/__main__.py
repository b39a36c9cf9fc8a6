"""`python -m tests.campaigns.fuzz`: breaks files by chance and gives them to the readers.

A reader may read what it is given or raise an `M3NetError` that names the file. Anything else ends
its cases: hypothesis looks for fewer changes with the same fault, the file is kept, and the words
that repeat the case are said. The same seed gives the same files.
"""

import argparse
import faulthandler
import json
import os
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from m3net.errors import ConfigError, M3NetError
from tests.campaigns.fuzz.strategies import broken
from tests.campaigns.fuzz.target import Target
from tests.campaigns.fuzz.targets import targets
from tests.support.hostile.audit import watching

CASES = 410_000
GROUP = 500
"""Cases that one seed gives; hypothesis keeps all of a search in memory."""
SECONDS = 30
"""A case that takes longer hangs."""
MOST_MEMORY = 1.0
"""GiB by which the process may grow over a whole run."""
_SEARCH = settings(
    database=None,
    deadline=None,
    # Shrinking comes only after a failure.
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def main() -> int:
    """Run all readers, or one."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="Of all readers, at least.")
    parser.add_argument("--seed", type=int, default=0, help=f"Of the first {GROUP} of each reader.")
    parser.add_argument("--only", help="Readers whose names begin so.")
    words = parser.parse_args()
    # What decoders say of each file would bury what went wrong.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGALRM, _hangs)
    with tempfile.TemporaryDirectory() as folder:
        chosen = [own for own in targets(Path(folder)) if own.name.startswith(words.only or "")]
        if not chosen:
            parser.error(f"no reader begins with {words.only!r}")
        whole = sum(own.share for own in chosen)
        total: Counter[str] = Counter()
        for own in chosen:
            start = time.monotonic()
            done = fuzz(own, words.seed, words.cases * own.share // whole)
            seconds = round(time.monotonic() - start, 1)
            print(json.dumps({"reader": own.name} | done | {"seconds": seconds}), flush=True)
            total += done
    print(json.dumps({"cases": total["read"] + total["refused"], "failed": 0} | total))
    return int(total["failed"] > 0)


def fuzz(target: Target, first: int, number: int) -> Counter[str]:
    """Give one reader some broken files, until it fails, and count what became of them.

    Args:
        target: The reader.
        first: Seed of the first group.
        number: How many files; filled up to whole groups where it is more than one.
    """
    whole = target.file.read_bytes() if target.file.exists() else None
    before, counts = _gibibytes(), Counter(read=0, refused=0, failed=0)

    def check(content: bytes) -> None:
        target.file.write_bytes(target.repair(content))
        counts[judge(target)] += 1

    size = min(GROUP, number)
    files = broken(target.corpus) if target.drawn is None else target.drawn
    search = settings(_SEARCH, max_examples=size)(given(files)(check))
    for own in range(first, first - (-number // GROUP)):
        try:
            seed(f"{target.name}, {own}")(search)()
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
            counts["failed"] += 1
            # The file that hypothesis has tried last has the fewest changes.
            kept = shutil.copy(target.file, tempfile.mkdtemp(prefix="m3net-fuzz-"))
            words = f"--only {shlex.quote(target.name)} --seed {own} --cases {size}"
            traceback.print_exc()
            sys.stderr.write(f"The file is {kept}. Again: python -m tests.campaigns.fuzz {words}\n")
            break
    if whole is None:
        target.file.unlink()
    else:
        target.file.write_bytes(whole)
    grown = _gibibytes() - before
    if grown > MOST_MEMORY:
        sys.stderr.write(f"{target.name}: memory grew by {grown:.2f} GiB\n")
        counts["failed"] += 1
    return counts


def judge(target: Target) -> str:
    """Read the file and say whether it was "read" or "refused"; raise whatever else came."""
    with watching([target.inside or target.file.parent]) as notes:
        fate = _read(target)
    if notes:
        raise AssertionError(f"it did harm: {notes}")
    return fate


def _read(target: Target) -> str:
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(target.file)
    except M3NetError as error:
        # Of files that contradict one another, it may be the other one.
        named = str(target.file.parent) in str(error) or isinstance(error, ConfigError)
        if not named or "\n" in str(error):
            raise AssertionError("the error does not name the file in one line") from error
        return "refused"
    finally:
        signal.alarm(0)
    return "read"


def _hangs(signum: int, frame: object) -> None:
    del signum, frame
    raise TimeoutError(f"it takes more than {SECONDS} seconds")


def _gibibytes() -> float:
    """Give the most memory that the process has had."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    sys.exit(main())
