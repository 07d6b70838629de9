"""What archive files hold: formats that readers open, other bytes in another edition."""

from __future__ import annotations

import io
import struct
import wave
import zlib

import pytest

from oncsync.sandbox import Catalogue, content_of
from oncsync.sandbox.archive import Archive
from oncsync.sandbox.content.archived import archived_content
from oncsync.sandbox.content.canvas import padded_png
from oncsync.sandbox.content.hdf5 import checksum, counts_content
from tests.sandbox.asking import NOW, Asked

SOUND = "ICLISTENHF6094_20240502T100000.000Z"
MODULE = "TUMPMTSPECTROMETER002_20210830T000000.000Z-SDAQ-MODULE.hdf5"
EVERY_KIND = [
    "BPR-Folger-59_20191123T000000.000Z.txt", f"{SOUND}.wav", f"{SOUND}.flac", f"{SOUND}.fft", f"{SOUND}-spect.mat",
    f"{SOUND}-spect.png", "ICLISTENHF6094_20240502T000000.000Z.acc", MODULE,
    "AXISQ6044PTZACCC8E334C53_20161201T000000.000Z.mp4", "UMAINZWOM001_20210830T000000.000Z.csv",
]  # fmt: skip


def fetched(ask: Asked, name: str) -> bytes:
    answer = ask("archivefile/download", filename=name)
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("name", EVERY_KIND)
def test_another_edition_has_other_bytes_and_its_own_length(catalogue: Catalogue, name: str) -> None:
    """A file archived again differs from the one before, under the same name."""
    file = Archive(catalogue, lambda: NOW).find(name)
    assert file is not None
    first, again, later = (archived_content(catalogue, file, edition) for edition in (0, 0, 1))
    bodies = [b"".join(content.blocks()) for content in (first, again, later)]
    assert bodies[0] == bodies[1] != bodies[2]
    assert [len(body) for body in bodies] == [first.length, again.length, later.length]
    assert first.length != later.length


def test_files_of_one_series_differ(ask: Asked) -> None:
    for extension in (".wav", ".fft", "-spect.png", "-spect.mat"):
        assert fetched(ask, f"{SOUND}{extension}") != fetched(ask, f"{SOUND.replace('T100000', 'T100500')}{extension}")


def test_a_wav_is_opened_by_the_standard_reader(ask: Asked) -> None:
    with wave.open(io.BytesIO(fetched(ask, f"{SOUND}.wav"))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 4000, 40_000)


def test_an_fft_file_is_plain_text_with_a_line_every_ten_seconds(ask: Asked) -> None:
    """Spectra are stored packed and arrive as text (onc-api.md 1.6)."""
    about, bands, *lines = fetched(ask, f"{SOUND}.fft").decode().splitlines()
    assert about.startswith("# Invented")
    assert len(lines) == 30
    for line in lines:
        assert len(line.split()) == 1 + len(bands.split()) - 2
        assert all(0 < float(level) < 140 for level in line.split()[1:])
    assert lines[0].startswith("2024-05-02T10:00:00.000Z ")


def test_a_picture_is_filled_up_within_the_rules_of_png(ask: Asked) -> None:
    body = fetched(ask, f"{SOUND}-spect.png")
    kinds, place = [], 8
    while place < len(body):
        (size,) = struct.unpack_from(">I", body, place)
        chunk = body[place + 4 : place + 8 + size]
        assert struct.unpack_from(">I", body, place + 8 + size) == (zlib.crc32(chunk),)
        kinds.append(chunk[:4])
        place += 12 + size
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"npAd", b"IEND"]


def test_a_picture_that_is_too_big_is_not_cut() -> None:
    with pytest.raises(ValueError, match="negative count"):
        padded_png(bytes(100), 105)


def dataset(body: bytes, place: int) -> list[float]:
    """Reads a column whose object header stands at a place."""
    size = struct.unpack_from("<I", body, place + 6)[0]
    end = place + 10 + size
    assert body[place : place + 4] == b"OHDR"
    assert struct.unpack_from("<I", body, end) == (checksum(body[place:end]),)
    layout = body[end - 18 : end]
    assert layout[:2] == bytes([3, 1])
    start, length = struct.unpack_from("<QQ", layout, 2)
    return list(struct.unpack_from(f"<{length // 8}d", body, start))


class TestHdf5:
    def test_a_module_file_has_named_columns_of_doubles(self, ask: Asked) -> None:
        """R177: followed from the superblock through the group to the values, with every checksum."""
        body = fetched(ask, MODULE)
        assert body[:8] == b"\x89HDF\r\n\x1a\n"
        assert struct.unpack_from("<I", body, 44) == (checksum(body[:44]),)
        end, root = struct.unpack_from("<QQ", body, 28)
        assert end == len(body)
        size = struct.unpack_from("<I", body, root + 6)[0]
        assert struct.unpack_from("<I", body, root + 10 + size) == (checksum(body[root : root + 10 + size]),)
        columns, place = {}, root + 10
        while place < root + 10 + size:
            kind, length = struct.unpack_from("<BH", body, place)
            if kind == 6:
                letters = body[place + 6]
                name = body[place + 7 : place + 7 + letters].decode()
                columns[name] = dataset(body, *struct.unpack_from("<Q", body, place + 7 + letters))
            place += 4 + length
        assert columns["time"][:2] == [1_630_281_600.0, 1_630_281_610.0]
        assert {len(values) for values in columns.values()} == {360}
        assert all(min(columns[name]) > 0 for name in columns)
        assert len(columns) >= 5

    @pytest.mark.parametrize(("text", "expected"), [(b"", 0xDEADBEEF), (b"Four score and seven years ago", 0x17770551)])
    def test_the_checksum_is_the_published_one(self, text: bytes, expected: int) -> None:
        assert checksum(text) == expected

    def test_the_length_is_known_without_a_value(self) -> None:
        content = counts_content("seed", 0, 3_600_000, 3)
        assert len(b"".join(content.blocks())) == content.length


def test_other_content_may_be_put_in_place(ask: Asked) -> None:
    ask.sandbox.archive.archive_again(MODULE, b"x" * 10)
    assert fetched(ask, MODULE) == b"".join(content_of(b"x" * 10).blocks())
