"""The command line: words and settings in, a trainer that trains, tests or predicts out.

`entry` runs a command; `command_line` is Lightning's with the parts of m3net put in: its `flags`,
the `run_folder` that it starts from and writes to, and the `callbacks` that accompany it.
"""

from m3net.workflows.cli.entry import resolve, run

__all__ = ["resolve", "run"]
