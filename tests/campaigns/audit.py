"""`python -m tests.campaigns.audit`: list licences and known vulnerabilities.

Lists the packages that m3net needs, with those that they need. Asks pip-audit for known
vulnerabilities where it is installed and its data can be reached, and says so where not; only a
vulnerability that was found is a failure.
"""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution


def main() -> int:
    """Print licences, then vulnerabilities."""
    names = needed("m3net")
    for name in names:
        own = distribution(name)
        print(f"{name:32} {own.version:14} {licence(own)}")
    print(f"{len(names)} packages")
    return vulnerabilities()


def needed(root: str) -> list[str]:
    """Return the installed packages that a package and its extra `all` need, directly or not."""
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            own = distribution(name)
        except PackageNotFoundError:  # for another system or version of Python
            continue
        found[key] = own.metadata["Name"]
        lines = [
            line
            for line in own.requires or ()
            if "extra ==" not in line or (name == root and re.search(r"extra == .all\b", line))
        ]
        waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
    return sorted((name for key, name in found.items() if key != root), key=str.lower)


def licence(own: Distribution) -> str:
    """Give what a package says of its licence: the newest way to say so that it uses."""
    about = own.metadata
    for expression in about.get_all("License-Expression") or ():
        return str(expression)
    named = [line for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    if named:
        return ", ".join(line.rpartition(" :: ")[2] for line in named)
    lines = [line for text in about.get_all("License") or () for line in text.splitlines() if line]
    return str(lines[0]).strip() if lines else "not said"


def vulnerabilities() -> int:
    """Ask pip-audit; what cannot be asked is said, and no failure."""
    if importlib.util.find_spec("pip_audit") is None:
        print("vulnerabilities: not looked for; 'pip install pip-audit', which needs a network")
        return 0
    words = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    done = subprocess.run(words, capture_output=True, text=True)
    try:
        asked = json.loads(done.stdout)["dependencies"]
    except (ValueError, LookupError):
        print("vulnerabilities: not looked for; pip-audit reaches no data, it needs a network:")
        print(done.stderr.strip().rpartition("\n")[2])
        return 0
    found = [(own, fault) for own in asked for fault in own.get("vulns", ())]
    for own, fault in found:
        mended = ", ".join(fault["fix_versions"]) or "no version"
        print(f"{own['name']} {own['version']}: {fault['id']}, mended in {mended}")
    known = sum("skip_reason" not in own for own in asked)
    print(f"vulnerabilities: {len(found)} in {known} of {len(asked)} packages; the others are not")
    print("known to what pip-audit reaches from here, the index that pip uses or PyPI itself")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
