"""Data flow through the folders in one direction, and imports with it."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.commands import ROOT

SOURCE = ROOT / "src"
FLOW = sorted(folder.name for folder in (SOURCE / "m3net").iterdir() if folder.is_dir())
"""A folder imports only from folders before it in the alphabet, which is the flow of the data."""
DATA_FLOW = [
    *(
        "taxonomy",
        "class_counts",
        "records",
        "batch",
        "annotations",
        "photos",
        "transforms",
        "samplers",
    ),
    *(
        "synthetic",
        "attribute_counts",
        "splits",
        "dataset",
        "datamodules",
        "embeddings",
    ),
]
LOOSE = {"__init__", "__main__", "errors"}
EACH_FIRST = """
import functools, gc, importlib, sys
from importlib.machinery import SourceFileLoader
gc.disable()
# Each module is run many times, but compiled once.
SourceFileLoader.get_code = functools.cache(SourceFileLoader.get_code)
for name in sys.argv[1:]:
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == "m3net"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""


def module_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(file): file for file in sorted(SOURCE.rglob("*.py"))}


def imported(module: str) -> set[str]:
    """Name all that a module imports; `from a import b` is a.b where that is a module."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = str(node.module)
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else base for name in names}
    return found


def named_imports(module: str) -> set[str]:
    """Name what a module imports from others, as a.b for `from a import b`."""
    nodes = ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8")))
    own = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in own for alias in node.names}


def own_imports(module: str) -> set[str]:
    return {name for name in imported(module) if name in FILES and name != "m3net"}


def breaches(inside: str, flow: list[str]) -> list[str]:
    """Name the imports of modules inside a package that go against a flow of its parts."""
    depth = inside.count(".") + 1
    found = []
    for module in FILES:
        if not module.startswith(f"{inside}."):
            continue
        own = module.split(".")[depth]
        if own in LOOSE:
            continue
        for name in own_imports(module):
            if name.startswith(f"{inside}."):
                other = name.split(".")[depth]
                if other not in LOOSE and other != own and flow.index(other) > flow.index(own):
                    found.append(f"{module} imports {name}")
    return found


def test_there_are_imports_to_check() -> None:
    assert len(FILES) > 50
    assert "m3net.data.class_counts" in own_imports("m3net.training.task")


def test_parts_import_with_the_flow() -> None:
    assert breaches("m3net", FLOW) == []
    assert own_imports("m3net.errors") == set()


def test_parts_of_data_import_with_the_flow() -> None:
    assert breaches("m3net.data", DATA_FLOW) == []


@pytest.mark.parametrize("part", ["models", "losses", "metrics"])
def test_networks_losses_and_metrics_know_nothing_of_data(part: str) -> None:
    modules = [module for module in FILES if module.split(".")[1:2] == [part]]
    assert modules
    for module in set(modules) - {"m3net.models.retriever", "m3net.models.restoring"}:
        assert not [name for name in imported(module) if name.startswith("m3net.data")]


def test_no_module_imports_in_a_circle() -> None:
    TopologicalSorter({module: own_imports(module) for module in FILES}).prepare()


def test_wandb_is_the_loggers_alone() -> None:
    for module in FILES.keys() - {"m3net.experiments.wandb_logger"}:
        assert not [name for name in imported(module) if name.split(".")[0] == "wandb"], module


def test_all_speak_by_the_one_console() -> None:
    for module in FILES.keys() - {"m3net.base.terminal"}:
        assert "rich.console.Console" not in named_imports(module), module
        assert "rich.markup" not in imported(module), module


def test_no_two_modules_share_a_name() -> None:
    """But for what belongs to one data set: its reader and its data module."""
    data_sets = {"catalogue", "darn", "deepfashion", "fashionai"}
    stems = Counter(file.stem for file in FILES.values() if file.stem != "__init__")
    assert {stem for stem, count in stems.items() if count > 1} == data_sets


def texts(module: str) -> list[str]:
    """All strings of a module that are no docstrings."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    bare = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [str(node.value) for node in strings if node not in bare and type(node.value) is str]


def test_the_run_folder_alone_names_its_files() -> None:
    files = "config.yaml metrics.csv metrics.json finished.json nonfinite.csv wandb-id.txt"
    checkpoints = "best.ckpt last.ckpt previous.ckpt"
    results = "scores.csv scores.json classes.csv queries.csv report.html gallery.png attention.png"
    names = f"{files} {checkpoints} {results}".split()
    for module in FILES.keys() - {"m3net.experiments.run"}:
        spelt = [name for name in names for text in texts(module) if text.endswith(name)]
        assert not spelt, f"{module} spells {spelt}"


def test_nothing_is_called_utils() -> None:
    assert not [module for module in FILES if "util" in module or "helper" in module]


def test_each_module_can_be_the_first_to_be_imported() -> None:
    # PyTorch brings Triton on Linux alone; who has no GPU never imports the kernels.
    kernels = () if find_spec("triton") else ("m3net.metrics.ranking.gpu_kernels",)
    modules = [module for module in FILES if not module.startswith(kernels)]
    done = subprocess.run(
        [sys.executable, "-c", EACH_FIRST, *modules], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
