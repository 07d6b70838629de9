"""Formats that nothing here reads: a frame that is right, filled with noise that is always the same."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from random import Random

from ..replies import Content, content_of

_BLOCK = 65_536

_FIRST_BYTES: dict[str, bytes] = {
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
    "gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
    "mpg": b"\x00\x00\x01\xba",
    "miniseed": b"000001D ",
    "mseed": b"000001D ",
    "vrl": b"VEMCO",
    "hld": b"\x20\x00\x00\x00",
}


def filler_content(name: str, extension: str, seed: str, size: int | None = None) -> Content:
    """Gives some ten to sixty kilobytes for a file, or `size` and a frame; the same for equal names and seeds."""
    key = f"{seed}/{name}"
    if size is None:
        size = 10_000 + zlib.crc32(key.encode()) % 50_000
    if extension in ("mp4", "mov"):
        return _framed(_movie_head(extension, size), size, key)
    if extension == "avi":
        head = b"RIFF" + struct.pack("<I", 16 + size) + b"AVI JUNK" + struct.pack("<I", size + 4)
        return _framed(head + bytes(4), size, key)
    if extension in _PACKERS:
        return content_of(_PACKERS[extension](name, Random(key).randbytes(size)))
    return _framed(_FIRST_BYTES.get(extension, b""), size, key)


def _framed(head: bytes, size: int, key: str) -> Content:
    def blocks() -> Iterator[bytes]:
        noise = Random(key)
        yield head
        for start in range(0, size, _BLOCK):
            yield noise.randbytes(min(_BLOCK, size - start))

    return Content(len(head) + size, blocks)


def _movie_head(extension: str, size: int) -> bytes:
    brand = b"qt  " if extension == "mov" else b"isom"
    kind = struct.pack(">I", 20) + b"ftyp" + brand + struct.pack(">I", 512) + brand
    return kind + struct.pack(">I", 8 + size) + b"mdat"


def _zipped(name: str, body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name.replace(".zip", ".dat")), body)
    return packed.getvalue()


def _tarred(name: str, body: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name.replace(".tar", ".dat")[-99:])
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


_PACKERS: dict[str, Callable[[str, bytes], bytes]] = {"zip": _zipped, "tar": _tarred}
