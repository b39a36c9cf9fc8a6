"""`python -m tests.campaigns.mutations`: run the tests on copies of the source with a fault each.

Prints which test noticed which fault. Fails where a fault survives all tests of the metrics.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.campaigns.mutations.faults import FAULTS, Fault
from tests.support.commands import ROOT

METRICS = Path("src", "m3net", "metrics")
TESTS = (Path("tests", "unit", "metrics"), Path("tests", "distributed"))
SECONDS = 300
"""A fault that lets the tests run longer has been noticed."""


def main() -> int:
    """Judge the tests, on as many faults at once as there are processors."""
    with tempfile.TemporaryDirectory() as folder:
        if found := first_failure(copied(Path(folder, "sound")), *TESTS):
            sys.stderr.write(f"without a fault {found} fails: mend that first\n")
            return 1
    survived = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for fault, found in zip(FAULTS, pool.map(noticed, FAULTS), strict=True):
            survived += found is None
            print(f"{fault.file:20} {fault.what:52} {found or 'SURVIVES'}", flush=True)
    print(f"{len(FAULTS) - survived} of {len(FAULTS)} faults were noticed")
    return int(survived > 0)


def noticed(fault: Fault) -> str | None:
    """Give the first test that fails with a fault: of the likely files, else of all."""
    with tempfile.TemporaryDirectory() as folder:
        root = copied(Path(folder, "faulty"))
        file = root / METRICS / fault.file
        text = file.read_text(encoding="utf-8")
        if text.count(fault.old) != 1:
            raise ValueError(f"{fault.file} does not hold {fault.old!r} once")
        file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        likely = [test_file(name) for name in fault.tests]
        return first_failure(root, *likely) or first_failure(root, *TESTS)


def test_file(name: str) -> Path:
    """Return the path of the test file of a name, "ranking" for `test_ranking.py`."""
    [file] = [file for folder in TESTS for file in (ROOT / folder).rglob(f"test_{name}.py")]
    return file.relative_to(ROOT)


def copied(root: Path) -> Path:
    """Copy the source and its tests, without compiled code, which might not notice a change."""
    root.mkdir()
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def first_failure(root: Path, *tests: Path) -> str | None:
    """Run tests on a copy, in a process of their own, until one fails; give its name."""
    paths = os.pathsep.join([str(root / "src"), str(root)])
    words = ["-x", "-q", "--tb=no", "-p", "tests.campaigns.mutations.unshrunk"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words, *map(str, tests)],
            cwd=root,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"none of {', '.join(map(str, tests))} ends"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if done.returncode not in (0, 1) or (done.returncode == 1) != bool(failed):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}")
    return failed[0].split(" ", 1)[1].split(" - ")[0] if failed else None


if __name__ == "__main__":
    sys.exit(main())
