"""Files broken by chance, the same for the same number."""

import random
from collections.abc import Callable, Sequence

_TEXTS = (
    *(b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b",", b'"', b"|", b";", b"-1", b"1e999", b"nan"),
    *(b"../", b"..\\", b"/etc/passwd", b"C:\\", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xf0\x9f"),
    *(b"99999999999999999999", b"0", b"\xe2\x80\xae", b"[", b"{", b"!!python/object:os.system"),
)
_NUMBERS = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(corpus: Sequence[bytes], number: int) -> bytes:
    """Give a file of the corpus after one to six changes."""
    rng = random.Random(number)
    content = bytearray(rng.choice(corpus))
    for _ in range(rng.randint(1, 6)):
        content = rng.choice(_CHANGES)(rng, content, corpus)
    return bytes(content)


def _place(rng: random.Random, content: bytearray) -> int:
    """Give a place, as often near the beginning, where headers are, as anywhere."""
    most = len(content) if rng.random() < 0.5 else min(len(content), 64)
    return rng.randint(0, most)


def _flip(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    if content:
        content[_place(rng, content) % len(content)] ^= 1 << rng.randrange(8)
    return content


def _write(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    start = _place(rng, content)
    content[start : start + 4] = rng.randbytes(rng.randint(1, 4))
    return content


def _number(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    start, size = _place(rng, content), rng.choice((2, 4))
    order = rng.choice(("little", "big"))
    value = rng.choice(_NUMBERS) % 256**size
    content[start : start + size] = value.to_bytes(size, "little" if order == "little" else "big")
    return content


def _cut(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    return content[: _place(rng, content)]


def _remove(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    start = _place(rng, content)
    del content[start : start + rng.randint(1, 40)]
    return content


def _insert(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    start = _place(rng, content)
    content[start:start] = rng.choice(_TEXTS)
    return content


def _repeat(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> bytearray:
    start = _place(rng, content)
    content[start:start] = content[start : start + rng.randint(1, 200)] * rng.randint(1, 4)
    return content


def _splice(rng: random.Random, content: bytearray, corpus: Sequence[bytes]) -> bytearray:
    other = bytearray(rng.choice(corpus))
    return content[: _place(rng, content)] + other[_place(rng, other) :]


_CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], bytearray], ...] = (
    *(_flip, _flip, _write, _number, _number, _cut, _remove, _insert, _insert, _repeat, _splice),
)
