"""The commands that use Lightning: arguments and settings in, a trainer that runs out.

`entry` runs a command; `command_line` is LightningCLI with the parts of m3net: its `flags`, the
`run_folder` that it starts from and writes to, and the `common_callbacks`.
"""

from m3net.workflows.cli.entry import resolve, run

__all__ = ["resolve", "run"]
