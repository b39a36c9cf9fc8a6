"""`m3net configs`: the config files that come with m3net, to list, read or copy."""

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import auto_cli

from m3net.base.files import make_folder, writing
from m3net.base.packaged_configs import PREFIX, config_files, find_config, summary
from m3net.errors import ConfigError

ABOUT = (
    "List the config files that come with m3net. Each is read from any folder by its name: "
    "m3net train --config m3net:data/catalogue --config m3net:model/m3net."
)


def run(argv: Sequence[str]) -> int:
    """Run the command and return its exit code, 0.

    Raises:
        M3NetError: There is no such config, or it cannot be copied there.
    """
    if argv:
        auto_cli([show, copy], args=list(argv), prog="m3net configs", description=ABOUT)
    else:
        _list()
    return 0


def show(name: str) -> None:
    """Print a config.

    Args:
        name: Its name, for example data/catalogue.
    """
    print(find_config(name).read_text(encoding="utf-8"), end="")  # noqa: T201 - a command's output


def copy(name: str, folder: Path) -> None:
    """Copy a config, or all; no file is overwritten.

    Args:
        name: Its name, for example data/catalogue, or all.
        folder: Made if missing; the copies keep their subfolder in it.

    Raises:
        ConfigError: There is no such config, or the target exists; then nothing is copied.
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
        make_folder(target.parent, setting="folder")
        with writing(target, setting="folder"), target.open("xb") as stream:
            stream.write(path.read_bytes())
        print(target)  # noqa: T201 - a command's output


def _list() -> None:
    files = config_files()
    width = max(map(len, files))
    for name, file in files.items():
        print(f"{PREFIX}{name:{width}}  {summary(file.read_text(encoding='utf-8'))}")  # noqa: T201 - a command's output
