"""What the audit lists is what the package asks for."""

from importlib.metadata import distribution, requires

from tests.campaigns.audit import licence, needed


def test_what_is_needed_is_listed_with_what_that_needs() -> None:
    names = {name.lower() for name in needed("m3net")}
    assert {"torch", "lightning", "timm", "pillow"} <= names
    assert "sympy" in names, "torch needs it"
    assert {"wandb", "optuna"} <= names, "users install the extras, too"
    assert not {"pytest", "ruff", "m3net"} & names, "tools are no part of it"
    assert any(line.startswith("torch") for line in requires("m3net") or ())


def test_each_package_says_its_licence() -> None:
    found = {name: licence(distribution(name)) for name in needed("m3net")}
    assert "BSD" in found["torch"]
    assert [name for name, said in found.items() if len(said) > 200] == []
