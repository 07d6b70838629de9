"""Content codings, undone while the body arrives."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.coding import BLOCK_SIZE, CodingError, Decoder


def decode(coding: str, coded: bytes, step: int) -> list[bytes]:
    decoder = Decoder(coding)
    blocks = [block for begin in range(0, len(coded), step) for block in decoder.feed(coded[begin : begin + step])]
    decoder.finish()
    return blocks


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


CODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("coding", sorted(CODERS))
@given(body=st.binary(max_size=2000), step=st.integers(1, 700))
def test_a_coded_body_comes_back_whole_however_it_is_cut(coding: str, body: bytes, step: int) -> None:
    assert b"".join(decode(coding, CODERS[coding](body), step)) == body


@given(body=st.binary(min_size=1, max_size=2000))
def test_deflate_without_its_frame_is_understood(body: bytes) -> None:
    assert b"".join(decode("deflate", bare_deflate(body), 4096)) == body


@given(first=st.binary(max_size=300), second=st.binary(max_size=300), step=st.integers(1, 100))
def test_a_gzip_body_of_two_members_is_one_body(first: bytes, second: bytes, step: int) -> None:
    assert b"".join(decode("gzip", gzip.compress(first) + gzip.compress(second), step)) == first + second


@given(body=st.binary(min_size=1, max_size=500), data=st.data())
def test_a_coded_body_that_ends_early_is_noticed(body: bytes, data: st.DataObject) -> None:
    coded = gzip.compress(body)
    kept = data.draw(st.integers(1, len(coded) - 1))
    with pytest.raises(CodingError):
        decode("gzip", coded[:kept], 4096)


def test_a_small_body_that_swells_comes_in_bounded_blocks() -> None:
    blocks = decode("gzip", gzip.compress(bytes(5 * BLOCK_SIZE + 7)), BLOCK_SIZE)
    assert max(map(len, blocks)) <= BLOCK_SIZE
    assert sum(map(len, blocks)) == 5 * BLOCK_SIZE + 7


def test_what_one_coded_byte_still_holds_back_is_not_lost() -> None:
    coded = zlib.compress(bytes(2 * BLOCK_SIZE))
    cut = next(end for end in range(len(coded)) if len(zlib.decompressobj().decompress(coded[:end])) > BLOCK_SIZE)
    decoder = Decoder("deflate")
    first = list(decoder.feed(coded[:cut]))
    assert len(first) == 2
    rest = list(decoder.feed(coded[cut:]))
    decoder.finish()
    assert sum(map(len, first + rest)) == 2 * BLOCK_SIZE


def test_zeros_behind_a_gzip_body_are_padding() -> None:
    assert b"".join(decode("gzip", gzip.compress(b"abc") + bytes(20), 4096)) == b"abc"


@pytest.mark.parametrize(("coding", "coded"), [("gzip", b"plain text"), ("deflate", b"\xff" * 20)])
def test_a_body_that_is_not_coded_as_said_is_an_error(coding: str, coded: bytes) -> None:
    with pytest.raises(CodingError, match="damaged"):
        decode(coding, coded, 4096)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_coding_is_an_error_not_a_file(coding: str) -> None:
    """Open question 4."""
    with pytest.raises(CodingError, match="was not asked for"):
        Decoder(coding)


def test_an_empty_body_needs_no_end_mark() -> None:
    assert decode("gzip", b"", 1) == []
