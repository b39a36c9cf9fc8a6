"""`m3net configs`: the config files that come with m3net, to list, read or copy."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from m3net.base.files import writing
from m3net.base.packaged_configs import PREFIX, config_files, find_config, summary
from m3net.errors import ConfigError

ABOUT = (
    "List the config files that come with m3net. Each is read from any folder by its name: "
    "m3net train --config m3net:data/catalogue --config m3net:model/m3net."
)


def run(words: Sequence[str]) -> int:
    """Run the command and return its exit code, 0.

    Args:
        words: What stands after `m3net configs`.

    Raises:
        M3NetError: There is no such config, or it cannot be copied there.
    """
    parser = ArgumentParser(prog="m3net configs", description=ABOUT, allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", metavar="{show,copy}")
    show = actions.add_parser("show", help="print one")
    show.add_argument("name", help="its name, for example data/catalogue")
    copy = actions.add_parser("copy", help="copy one or all; no file is overwritten")
    copy.add_argument("name", help="its name, for example data/catalogue, or all")
    copy.add_argument("folder", type=Path, help="the copies keep their subfolder in it")
    given = parser.parse_args(list(words))
    if given.action == "show":
        print(find_config(given.name).read_text(encoding="utf-8"), end="")  # noqa: T201 - a command speaks
    elif given.action == "copy":
        copy_configs(given.name, given.folder)
    else:
        _list()
    return 0


def copy_configs(name: str, folder: Path) -> None:
    """Copy a config, or all, to NAME.yaml of a folder.

    Args:
        name: Of the config; "all" for each.
        folder: Created if missing.

    Raises:
        ConfigError: There is no such config, or a file is in its place; then nothing is copied.
        OutputError: The folder cannot be written to.
    """
    files = config_files()
    if name != "all":
        file = find_config(name)
        files = {known: path for known, path in files.items() if path == file}
    targets = {folder / f"{known}.yaml": path for known, path in files.items()}
    for target in targets:
        if target.exists() or target.is_symlink():
            raise ConfigError(f"{target} is there already: delete it, or choose another folder.")
    for target, path in targets.items():
        with writing(target, instead="another folder"):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as stream:
                stream.write(path.read_bytes())
        print(target)  # noqa: T201 - a command speaks


def _list() -> None:
    files = config_files()
    width = max(map(len, files))
    for name, file in files.items():
        print(f"{PREFIX}{name:{width}}  {summary(file.read_text(encoding='utf-8'))}")  # noqa: T201 - a command speaks
