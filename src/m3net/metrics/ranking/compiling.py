"""How loops are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(fastmath: bool | set[str] = False) -> Callable[[Loop], Loop]:
    """Compile a function where it is first called, and keep the code where there is a place."""

    def compile_loop(loop: Loop) -> Loop:
        try:
            return cast("Loop", njit(nogil=True, fastmath=fastmath, cache=True)(loop))
        except RuntimeError:  # neither the package's folder nor the user's can be written
            return cast("Loop", njit(nogil=True, fastmath=fastmath)(loop))

    return compile_loop
