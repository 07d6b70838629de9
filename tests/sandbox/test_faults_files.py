"""Each fault of ranges, validators and file names, seen on a socket."""

from __future__ import annotations

import pytest

from oncsync.sandbox import Fault
from tests.sandbox.wire import DOWNLOAD, LISTING, Raw, Wire, name_in, on_the_wire, shows

ARCHIVED = "BPR-Folger-59_20191101T000000.000Z.txt"


def ranged(wire: Wire, run_id: int, asked: str, **headers: str) -> Raw:
    return wire.file(run_id, Range=asked, **headers)


@shows("honour-range")
@pytest.mark.parametrize(
    ("asked", "begin", "end"), [("bytes=100-199", 100, 200), ("bytes=300-", 300, None), ("bytes=-50", -50, None)]
)
def test_honour_range_sends_the_bytes_that_were_asked_for(asked: str, begin: int, end: int | None) -> None:
    with on_the_wire(Fault("honour-range")) as wire:
        run_id = wire.delivered()
        whole = wire.file(run_id).body
        answer = ranged(wire, run_id, asked)
        assert answer.status == 206
        assert answer.body == whole[begin:end]
        first = begin % len(whole)
        told = f"bytes {first}-{first + len(answer.body) - 1}/{len(whole)}"
        assert answer.headers["Content-Range"] == told
        assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_honour_range_refuses_what_lies_outside() -> None:
    with on_the_wire(Fault("honour-range")) as wire:
        run_id = wire.delivered()
        whole = wire.file(run_id).body
        answer = ranged(wire, run_id, f"bytes={len(whole)}-")
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_honour_range_heeds_if_range() -> None:
    """Only with the ETag of the file is a part sent."""
    with on_the_wire(Fault("etag"), Fault("honour-range")) as wire:
        run_id = wire.delivered()
        tag = wire.file(run_id).headers["ETag"]
        assert ranged(wire, run_id, "bytes=5-", If_Range=tag).status == 206
        assert ranged(wire, run_id, "bytes=5-", If_Range='"another"').status == 200
    with on_the_wire(Fault("changed-etag"), Fault("honour-range")) as wire:
        run_id = wire.delivered()
        tag = wire.file(run_id).headers["ETag"]
        assert ranged(wire, run_id, "bytes=5-", If_Range=tag).status == 200


def test_a_range_is_honoured_for_archive_files_too() -> None:
    with on_the_wire(Fault("honour-range")) as wire:
        whole = wire("archivefile/download", filename=ARCHIVED).body
        answer = wire.ask("archivefile/download", {"filename": ARCHIVED}, {"Range": "bytes=10-19"})
        assert (answer.status, answer.body) == (206, whole[10:20])
    with on_the_wire() as wire:
        answer = wire.ask("archivefile/download", {"filename": ARCHIVED}, {"Range": "bytes=10-19"})
        assert (answer.status, answer.body) == (200, whole)


@shows("wrong-range")
@pytest.mark.parametrize(
    ("form", "told", "begin", "end"),
    [
        ("earlier", "bytes 90-199/{n}", 90, 200),
        ("later", "bytes 110-199/{n}", 110, 200),
        ("whole", "bytes 0-{last}/{n}", 0, None),
        ("total", "bytes 100-199/{more}", 100, 200),
        ("untold", None, 100, 200),
        ("shifted", "bytes 100-199/{n}", 90, 190),
    ],
)
def test_wrong_range_sends_or_tells_another_one(form: str, told: str | None, begin: int, end: int | None) -> None:
    with on_the_wire(Fault("wrong-range", form=form, by=10)) as wire:
        run_id = wire.delivered()
        whole = wire.file(run_id).body
        answer = ranged(wire, run_id, "bytes=100-199")
        length = len(whole)
        expected = told and told.format(n=length, last=length - 1, more=length + 10)
        assert answer.status == 206
        assert answer.headers.get("Content-Range") == expected
        assert answer.body == whole[begin:end]


@shows("etag")
def test_etag_is_the_same_for_the_same_file_only() -> None:
    with on_the_wire(Fault("etag")) as wire:
        first, second = wire.delivered(), wire.delivered()
        tags = [wire.file(run_id).headers["ETag"] for run_id in (first, first, second)]
        assert tags[0] == tags[1] != tags[2]
        assert tags[0].startswith('"')


@shows("changed-etag")
def test_changed_etag_is_another_with_every_answer() -> None:
    with on_the_wire(Fault("changed-etag")) as wire:
        run_id = wire.delivered()
        assert len({wire.file(run_id).headers["ETag"] for _ in range(3)}) == 3


def named(fault: str, **arguments: object) -> tuple[str, str]:
    """Gives the header with this fault, and the file's own name."""
    with on_the_wire(Fault(fault, times=1, **arguments)) as wire:  # type: ignore[arg-type]
        run_id = wire.delivered()
        given, plain = wire.file(run_id), wire.file(run_id)
        assert given.body == plain.body
        return name_in(given), name_in(plain).removeprefix("attachement; filename=")


@shows("quoted-name")
def test_quoted_name_stands_in_quotes() -> None:
    given, own = named("quoted-name")
    assert given == f'attachement; filename="{own}"'


@shows("extended-name")
def test_extended_name_is_coded_alone_or_beside_the_plain_one() -> None:
    given, own = named("extended-name")
    assert given == f"attachement; filename*=UTF-8''{own}"
    given, own = named("extended-name", plain=True)
    assert given == f"attachement; filename={own}; filename*=UTF-8''{own}"


@shows("attachment-spelling")
def test_attachment_is_spelled_right() -> None:
    given, own = named("attachment-spelling")
    assert given == f"attachment; filename={own}"


@shows("no-name")
def test_no_name_leaves_the_header_out() -> None:
    with on_the_wire(Fault("no-name")) as wire:
        answer = wire.file(wire.delivered())
        assert answer.status == 200
        assert "Content-Disposition" not in answer.headers


@shows("other-name")
def test_other_name_is_free() -> None:
    """Letters beyond Latin-1 go out as UTF-8."""
    given, own = named("other-name", name="Température 海 {braces} {name}")
    assert given.encode("latin-1").decode() == f"attachement; filename=Température 海 {{braces}} {own}"


@shows("hostile-name")
@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("parent", "../../escaped-{own}"),
        ("absolute", "/escaped-{own}"),
        ("backslash", "..\\..\\escaped-{own}"),
        ("drive", "C:\\escaped-{own}"),
        ("nul", "nul\0{own}"),
        ("control", "bell\x07escape\x1b[31m{own}"),
        ("reserved", "CON.csv"),
        ("reserved-port", "com1.csv"),
        ("overlong", "x" * 300 + "{own}"),
        ("trailing-dot", "{own}. ."),
        ("dots", ".."),
        ("blank", " "),
        ("partial", ".oncsync"),
        ("colon", "{own}:stream"),
    ],
)
def test_hostile_names_are_those_that_must_not_be_written(form: str, expected: str) -> None:
    given, own = named("hostile-name", form=form)
    assert given == f"attachement; filename={expected.format(own=own)}"


def test_the_name_of_an_archive_file_is_changed_too() -> None:
    with on_the_wire(Fault("hostile-name", on="archivefile/download", where={"filename": "BPR*"})) as wire:
        assert name_in(wire("archivefile/download", filename=ARCHIVED)).endswith(f"=../../escaped-{ARCHIVED}")


@shows("archived-again")
def test_archived_again_makes_a_file_longer_and_its_listing_newer() -> None:
    rule = Fault("archived-again", match=ARCHIVED, bytes=5)
    with on_the_wire() as wire:
        before = wire("archivefile/device", returnOptions="all", **LISTING).json["files"]
        body = wire("archivefile/download", filename=ARCHIVED).body
    with on_the_wire(rule) as wire:
        after = wire("archivefile/device", returnOptions="all", **LISTING).json["files"]
        assert wire("archivefile/download", filename=ARCHIVED).body == body + b"#" * 5
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new["filename"] for _, new in changed] == [ARCHIVED]
    for old, new in changed:
        assert new["uncompressedFileSize"] == old["uncompressedFileSize"] + 5
        assert new["archivedDate"] == new["modifyDate"] == "2026-11-01T12:00:00.000Z" > old["archivedDate"]


def test_files_of_an_order_are_counted_one_by_one() -> None:
    """The second download of each file is cut, and of no other."""
    audio = {"deviceCode": "NAXYS_HYD_007", "dataProductCode": "AD", "extension": "wav",
             "dateFrom": "2011-07-13", "dateTo": "2011-07-14"}  # fmt: skip
    with on_the_wire(Fault("short-body", on=DOWNLOAD, nth=[2], per="file", bytes=9)) as wire:
        run_id = wire.delivered(**audio)
        sizes = [len(wire.file(run_id, index).body) for _ in range(3) for index in (1, 2)]
    assert [size == 9 for size in sizes] == [False, False, True, True, False, False]
