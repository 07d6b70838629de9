"""Undoes a content coding (gzip, deflate) that was applied on the way, and notices when it breaks off.

Only the header `Content-Encoding` decides; a `.gz` product stays what it is (open question 4).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

BLOCK_SIZE = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_BARE = -zlib.MAX_WBITS


class CodingError(ValueError):
    """Says why a coded body cannot be decoded."""


class Decoder:
    """Decodes one body, block by block; a block that comes out is at most `BLOCK_SIZE` bytes."""

    def __init__(self, coding: str) -> None:
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise CodingError(f"the content coding `{coding[:40]}` was not asked for and is not known")
        self._is_gzip = coding != "deflate"
        self._inflate = zlib.decompressobj(_GZIP if self._is_gzip else _ZLIB)
        self._has_begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yields what the next coded block decodes to; raises `CodingError` when it is damaged."""
        pending = block
        while pending:
            if self._inflate.eof:
                if not self._is_gzip or not pending.strip(b"\0"):
                    return
                self._inflate = zlib.decompressobj(_GZIP)  # A gzip body may consist of several members.
            plain = self._decompress(pending)
            pending = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if plain:
                yield plain
        while plain := self._decompress(b""):
            yield plain

    def finish(self) -> None:
        """Raises `CodingError` when the coded body ended before its own end mark."""
        if self._has_begun and not self._inflate.eof:
            raise CodingError("the coded body ends early")

    def _decompress(self, coded: bytes) -> bytes:
        if self._inflate.eof:
            return b""
        try:
            plain = self._inflate.decompress(coded, BLOCK_SIZE)
        except zlib.error as error:
            if self._is_gzip or self._has_begun:
                raise CodingError("the coded body is damaged") from error
            return self._decompress_bare(coded)
        self._has_begun = self._has_begun or bool(coded)
        return plain

    def _decompress_bare(self, coded: bytes) -> bytes:
        """Decodes `deflate` as some servers send it: without the zlib frame."""
        self._inflate = zlib.decompressobj(_BARE)
        self._has_begun = True
        try:
            return self._inflate.decompress(coded, BLOCK_SIZE)
        except zlib.error as error:
            raise CodingError("the coded body is damaged") from error
