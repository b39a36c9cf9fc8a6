"""Lightning's parser, whose refusals repeat what the settings of a stranger's run folder say."""

from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from m3net.base.escaping import printable_lines


class RunParser(LightningArgumentParser):
    """Refuses settings in lines that no terminal obeys."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print what is wrong, and end the command.

        Args:
            message: What the parser found.
            ex: What it met.
        """
        super().error(printable_lines(message), ex)
