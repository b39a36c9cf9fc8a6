"""The config files that come with m3net, by names such as `m3net:data/catalogue`.

They lie in `configs/` of the repository, and in `m3net/configs/` of an installed package.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import m3net
from m3net.errors import ConfigError

PREFIX = "m3net:"
_FLAGS = ("-c", "--config")


def config_files() -> dict[str, Path]:
    """Return all config files by name, `data/catalogue` for one; links are left out.

    Raises:
        ConfigError: The installation has none.
    """
    folder = _folder()
    return {
        file.relative_to(folder).with_suffix("").as_posix(): file
        for file in sorted(folder.glob("*/*.yaml"))
        if file.resolve() == file
    }


def find_config(name: str) -> Path:
    """Return the file of a name, with or without `m3net:` and `.yaml`.

    Raises:
        ConfigError: There is no such config. Names are compared with those of `config_files`, so
            that no name leads out of their folder.
    """
    wanted, files = name.removeprefix(PREFIX).removesuffix(".yaml"), config_files()
    if wanted in files:
        return files[wanted]
    stem = wanted.rpartition("/")[2]
    near = [known for known in files if known.rpartition("/")[2] == stem]
    near = near or get_close_matches(wanted, files, n=3)
    hint = f"; did you mean {' or '.join(PREFIX + known for known in near)}?" if near else "."
    raise ConfigError(f"unknown config {name!r}{hint} 'm3net configs' lists all of them.")


def config_path(path: str) -> Path:
    """Return the file of a name that starts with `m3net:`, and any other path as it is.

    Raises:
        ConfigError: There is no config of that name.
    """
    return find_config(path) if path.startswith(PREFIX) else Path(path)


def expand_config_names(argv: Sequence[str]) -> list[str]:
    """Replace names such as `m3net:data/catalogue` behind --config by their paths.

    Raises:
        ConfigError: There is no config of such a name.
    """
    expanded = []
    for previous, word in zip(["", *argv], argv, strict=False):
        flag, _, value = word.partition("=")
        if previous in _FLAGS and word.startswith(PREFIX):
            expanded.append(str(find_config(word)))
        elif flag in _FLAGS and value.startswith(PREFIX):
            expanded.append(f"{flag}={find_config(value)}")
        else:
            expanded.append(word)
    return expanded


def summary(text: str) -> str:
    r"""Return the first sentence of the comment that starts a config file.

    Example:
        >>> summary("# Drawn garments:\n# nothing to download. More.\ndata: {}")
        'Drawn garments: nothing to download.'
    """
    lines = text.splitlines()
    length = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    comment = " ".join(line.lstrip("# ") for line in lines[:length])
    sentence, stop, _ = comment.partition(". ")
    return f"{sentence}." if stop else sentence


def _folder() -> Path:
    # Some installers link each file to a store; there, the files beside it are no links.
    package = Path(str(m3net.__file__)).resolve().parent
    checkout = package.parents[1]
    if (package / "configs").is_dir():
        return package / "configs"
    if (checkout / "pyproject.toml").is_file() and (checkout / "configs").is_dir():
        return checkout / "configs"
    raise ConfigError(f"the installation in {package} has no config files: install m3net again.")
