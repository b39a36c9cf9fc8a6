"""The files that name versions of other packages agree."""

import re
import tomllib
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.commands import ROOT


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])


def constraints(name: str) -> dict[str, Version]:
    """Return the version that a constraints file pins for each package."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): Version(version) for package, version in pins}


def lower_bound(requirement: Requirement) -> Version:
    """Return the lowest version that a requirement allows."""
    [bound] = [spec for spec in requirement.specifier if spec.operator in {">=", "=="}]
    return Version(bound.version)


def test_minimum_constraints_are_the_lower_bounds() -> None:
    extras = project()["optional-dependencies"]
    lines = [*project()["dependencies"], *extras["wandb"], *extras["sweep"]]
    dependencies = [Requirement(line) for line in lines]
    bounds = {canonicalize_name(one.name): lower_bound(one) for one in dependencies}
    assert constraints("constraints-minimum.txt") == bounds


def test_constraints_satisfy_the_requirements() -> None:
    extras = project()["optional-dependencies"].values()
    lines = [*project()["dependencies"], *(line for extra in extras for line in extra)]
    pins = constraints("constraints.txt")
    others = [one for one in map(Requirement, lines) if one.name != "m3net"]
    for requirement in others:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def test_pre_commit_formats_with_the_pinned_ruff() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    [ruff] = [repo["rev"] for repo in config["repos"] if repo["repo"].endswith("/ruff-pre-commit")]
    assert Version(ruff) == constraints("constraints.txt")["ruff"]


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    source = (ROOT / "src" / "m3net" / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert version is not None
    releases = re.findall(
        r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert releases[0] == version[1]
