"""Sound, arrays, documents, archives and the rest."""

from __future__ import annotations

import io
import math
import struct
import tarfile
import wave
import xml.etree.ElementTree as ET
import zipfile
from array import array

import pytest

from oncsync.sandbox import Catalogue
from oncsync.sandbox.content import lay_out
from oncsync.sandbox.content.audio import _crc
from oncsync.sandbox.content.filler import filler_content
from oncsync.sandbox.orders import UNORDERABLE, Order, read_order
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Asked

HOUR = {"dateFrom": "2017-05-01", "dateTo": "2017-05-01T01:00:00.000Z"}
SOUND = {"locationCode": "FGPD", "deviceCategoryCode": "HYDROPHONE", "dataProductCode": "AD", "extension": "wav"}


def one(ask: Asked, **given: object) -> bytes:
    return next(iter(ask.files(**given).values()))


def samples_of(body: bytes) -> tuple[int, array[int]]:
    with wave.open(io.BytesIO(body)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        samples = array("h", sound.readframes(sound.getnframes()))
        assert len(samples) == sound.getnframes()
        return sound.getframerate(), samples


class TestSound:
    def test_a_wav_is_ten_seconds_of_sea_with_pulses(self, ask: Asked) -> None:
        rate, samples = samples_of(one(ask, **SOUND, **HOUR))
        assert (rate, len(samples)) == (4000, 40_000)
        assert max(samples) > 5000
        quiet = sorted(abs(sample) for sample in samples)[len(samples) // 2]
        assert 0 < quiet < 1000

    @pytest.mark.parametrize(
        ("asked", "rate", "count"), [("-1", 4000, 40_000), ("256", 256, 2560), ("16000", 16000, 60_000)]
    )
    def test_the_sampling_rate_is_the_one_asked_for(self, ask: Asked, asked: str, rate: int, count: int) -> None:
        got, samples = samples_of(one(ask, **SOUND, **HOUR, dpo_audioDownsample=asked))
        assert (got, len(samples)) == (rate, count)

    def test_files_of_one_order_are_named_by_device_and_instant(self, ask: Asked) -> None:
        names = list(ask.files(**SOUND, **HOUR))
        assert names[:3] == [
            "ICLISTENHF1560B_20170501T000000.000Z.wav",
            "ICLISTENHF1560B_20170501T000500.000Z.wav",
            "ICLISTENHF1560B_20170501T001000.000Z.wav",
        ]
        assert names[-1] == "ICLISTENHF1560B_20170501T000000.000Z_WAV_META.xml"

    def test_other_options_sound_different_under_one_name(self, ask: Asked) -> None:
        original = ask.files(**SOUND, **HOUR, dpo_hydrophoneDataDiversionMode="OD")
        filtered = ask.files(**SOUND, **HOUR, dpo_hydrophoneDataDiversionMode="LPF")
        assert list(original) == list(filtered)
        name = next(iter(original))
        assert original[name] != filtered[name]

    def test_a_flac_holds_its_samples_in_checked_frames(self, ask: Asked) -> None:
        body = one(ask, **(SOUND | {"extension": "flac"}), **HOUR)
        assert body[:4] == b"fLaC"
        info = body[8:42]
        assert body[4] == 0x80
        packed = int.from_bytes(info[10:18], "big")
        rate, total = packed >> 44, packed & ((1 << 36) - 1)
        assert (rate, total) == (4000, 40_000)
        place, samples, number = 42, array("h"), 0
        while place < len(body):
            head = body[place : place + 8]
            assert head[:5] == bytes([0xFF, 0xF8, 0x70, 0x08, number])
            assert _crc(head[:7], 8, 0x07) == head[7]
            (size,) = struct.unpack(">H", head[5:7])
            end = place + 9 + 2 * (size + 1)
            assert body[place + 8] == 0x02
            assert _crc(body[place:end], 16, 0x8005) == int.from_bytes(body[end : end + 2], "big")
            block = array("h", body[place + 9 : end])
            block.byteswap()
            samples.extend(block)
            place, number = end + 2, number + 1
        assert len(samples) == total
        assert max(samples) > 5000

    def test_the_checks_are_the_standard_ones(self) -> None:
        assert _crc(b"123456789", 8, 0x07) == 0xF4
        assert _crc(b"123456789", 16, 0x8005) == 0xFEE8


def matrices(body: bytes) -> dict[str, list[float]]:
    """Reads the real columns of a MAT file of version 5."""
    assert body[:10] == b"MATLAB 5.0"
    assert body[124:128] == b"\x00\x01IM"
    found: dict[str, list[float]] = {}
    place = 128
    while place < len(body):
        kind, size = struct.unpack_from("<II", body, place)
        assert kind == 14
        inner = body[place + 8 : place + 8 + size]
        assert struct.unpack_from("<IIII", inner) == (6, 8, 6, 0)
        rows, columns = struct.unpack_from("<ii", inner, 24)
        assert columns == 1
        _, length = struct.unpack_from("<II", inner, 32)
        name = inner[40 : 40 + length].decode()
        start = 40 + -(-length // 8) * 8
        assert struct.unpack_from("<II", inner, start) == (9, rows * 8)
        found[name] = list(struct.unpack_from(f"<{rows}d", inner, start + 8))
        place += 8 + size
    return found


class TestArrays:
    def test_a_mat_file_has_a_column_of_days_and_one_a_sensor(self, ask: Asked) -> None:
        columns = matrices(one(ask, **(CTD_CSV | {"extension": "mat"}), **MAY))
        assert list(columns)[:3] == ["time", "conductivity", "seawatertemperature"]
        assert {len(column) for column in columns.values()} == {31 * 48}
        assert math.floor(columns["time"][0]) == 736_816
        assert any(math.isnan(value) for value in columns["salinity"])

    def test_a_long_series_fits_its_announced_length(self, ask: Asked) -> None:
        given = CTD_CSV | {"dateFrom": "2012-01-01", "dateTo": "2016-01-01"}
        columns = matrices(one(ask, **(given | {"extension": "mat"})))
        assert len(columns["time"]) == 4 * 365 * 48 + 48
        assert columns["time"] == sorted(columns["time"])

    def test_a_netcdf_file_is_of_the_classic_format(self, ask: Asked) -> None:
        body = one(ask, **(CTD_CSV | {"extension": "nc"}), **MAY)
        assert body[:4] == b"CDF\x01"
        rows = 31 * 48
        assert struct.unpack_from(">II", body, 8) == (10, 1)
        assert body[20:24] == b"time"
        assert struct.unpack_from(">I", body, 24) == (rows,)
        values = struct.unpack(f">{rows}d", body[-rows * 8 :])
        assert 1400 < values[0] < 1600
        assert len(body) % (rows * 8) < 2000


class TestMetadata:
    def test_it_parses_and_describes_the_order(self, ask: Asked) -> None:
        files = ask.files(**CTD_CSV, **MAY)
        (name, body) = list(files.items())[-1]
        assert name.endswith("-clean_CSV_META.xml")
        root = ET.fromstring(body)
        assert root.find("source/location") is not None
        assert root.findtext("timeRange/dateFrom") == MAY["dateFrom"]
        assert [file.text for file in root.findall("files/file")] == list(files)[:-1]
        assert {o.get("name"): o.text for o in root.iter("option")}["dpo_qualityControl"] == "1"
        assert root.find("deployments/deployment/citation") is not None

    def test_it_holds_neither_ids_nor_dates_of_the_order(self, catalogue: Catalogue) -> None:
        bodies = {list(Asked(catalogue).files(**CTD_CSV, **MAY).values())[-1] for _ in range(2)}
        assert len(bodies) == 1


FIRST_BYTES = {
    "AD/flac": b"fLaC", "MP4V/mp4": b"\x00\x00\x00\x14ftyp", "AVIV/avi": b"RIFF", "SMRD/hdf5": b"\x89HDF\r\n\x1a\n",
    "JPGF/jpg": b"\xff\xd8\xff", "TSSP/pdf": b"%PDF-", "TSSD/nc": b"CDF\x01", "TSSD/mat": b"MATLAB 5.0",
    "HSD/png": b"\x89PNG", "MOVV/mov": b"\x00\x00\x00\x14ftypqt", "CODARQCSC/gif": b"GIF89a",
}  # fmt: skip


def orders(catalogue: Catalogue) -> list[Order]:
    """Gives one order for each pair that some device offers: six hours within one of its deployments."""
    found: dict[tuple[str, str], Order] = {}
    for deployment in catalogue.deployments:
        for product in deployment.device.kind.products:
            pair = (product.code, product.extension)
            if pair in found or pair in UNORDERABLE:
                continue
            given = {
                "deviceCode": deployment.device.code,
                "dataProductCode": product.code,
                "extension": product.extension,
                "dateFrom": deployment.begin.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "dateTo": "PT6H",
            }
            found[pair] = read_order(catalogue, given, NOW)
    return list(found.values())


def test_every_product_that_is_offered_is_delivered_whole(catalogue: Catalogue) -> None:
    """Each file is as long as announced, the same twice, and begins as its format does."""
    seen: set[str] = set()
    for order in orders(catalogue):
        delivered = lay_out(catalogue, order)
        key = f"{order.product.code}/{order.product.extension}"
        assert delivered.files, key
        assert delivered.metadata is not None
        names = [file.name for file in delivered.files]
        assert len(set(names)) == len(names) <= 12
        for file in (delivered.files[0], delivered.metadata):
            content = file.make()
            body = b"".join(content.blocks())
            assert len(body) == content.length > 0, key
            assert body == b"".join(file.make().blocks())
        if key in FIRST_BYTES:
            seen.add(key)
            assert b"".join(delivered.files[0].make().blocks()).startswith(FIRST_BYTES[key]), key
        assert names[0].endswith(f".{order.product.extension}")
        assert not set(names[0]) & set('\\/:*?"<>| ')
    assert seen == set(FIRST_BYTES)


def test_archives_open() -> None:
    zipped = b"".join(filler_content("a.zip", "zip", "x").blocks())
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.dat"]
    tarred = b"".join(filler_content("a.tar", "tar", "x").blocks())
    with tarfile.open(fileobj=io.BytesIO(tarred)) as archive_file:
        assert archive_file.getnames() == ["a.dat"]


def test_a_pdf_finds_its_own_objects(ask: Asked) -> None:
    body = one(ask, **(CTD_CSV | {"dataProductCode": "TSSP", "extension": "pdf"}), **MAY)
    start = int(body.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert body[start:].startswith(b"xref\n0 5\n")
    for number, line in enumerate(body[start:].split(b"\n")[3:7], start=1):
        assert body[int(line[:10]) :].startswith(b"%d 0 obj" % number)
