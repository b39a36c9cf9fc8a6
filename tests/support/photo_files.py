"""Image files as bytes, and on the disk."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Give the file of a picture."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def write(folder: Path, content: bytes, name: str = "photo") -> Path:
    """Write a file and give its path."""
    file = folder / name
    file.write_bytes(content)
    return file


def chunk(kind: bytes, content: bytes) -> bytes:
    """Give a part of a PNG file."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check
