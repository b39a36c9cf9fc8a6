"""Files broken by chance, as hypothesis draws them."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Edit = Callable[[bytes], bytes]

_TOKENS = (
    *(b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b",", b'"', b"|", b";", b"-1", b"1e999", b"nan"),
    *(b"../", b"..\\", b"/etc/passwd", b"C:\\", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xf0\x9f"),
    *(b"99999999999999999999", b"0", b"\xe2\x80\xae", b"[", b"{", b"!!python/object:os.system"),
)
_VALUES = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_LITTLE = [(value % 256**size).to_bytes(size, "little") for value in _VALUES for size in (2, 4)]
_NUMBERS = _LITTLE + [number[::-1] for number in _LITTLE]
_ALL = 2**30
"""A length that ends no sooner than the file."""
_PLACES = st.integers(0, 63) | st.integers(0, 2**16)
"""As often near the beginning, where headers are, as anywhere; taken modulo the length."""


def broken(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Draw a whole file with one to six changes.

    Args:
        corpus: Whole files.
    """
    whole, some = st.sampled_from(corpus), st.binary(min_size=1, max_size=4)
    lengths, nothing = st.integers(1, 40) | st.just(_ALL), st.just(b"")
    edits = st.one_of(
        st.builds(_flip, _PLACES, st.integers(0, 7)),
        st.builds(_write, _PLACES, some | st.sampled_from(_NUMBERS)),
        st.builds(_replace, _PLACES, st.just(0), some | st.sampled_from(_TOKENS)),
        st.builds(_replace, _PLACES, lengths, nothing),
        st.builds(_repeat, _PLACES, st.integers(1, 200), st.integers(1, 4)),
        st.builds(_splice, _PLACES, whole, _PLACES),
    )
    return st.builds(_change, whole, st.lists(edits, min_size=1, max_size=6))


def _change(content: bytes, edits: Sequence[Edit]) -> bytes:
    for edit in edits:
        content = edit(content)
    return content


def _replace(place: int, length: int, new: bytes) -> Edit:
    def edit(content: bytes) -> bytes:
        at = place % (len(content) + 1)
        return content[:at] + new + content[at + length :]

    return edit


def _write(place: int, new: bytes) -> Edit:
    return _replace(place, len(new), new)


def _splice(place: int, other: bytes, start: int) -> Edit:
    return _replace(place, _ALL, other[start % (len(other) + 1) :])


def _flip(place: int, bit: int) -> Edit:
    def edit(content: bytes) -> bytes:
        flipped = bytearray(content or b"\0")
        flipped[place % len(flipped)] ^= 1 << bit
        return bytes(flipped)

    return edit


def _repeat(place: int, length: int, times: int) -> Edit:
    def edit(content: bytes) -> bytes:
        at = place % (len(content) + 1)
        return content[:at] + content[at : at + length] * times + content[at:]

    return edit
