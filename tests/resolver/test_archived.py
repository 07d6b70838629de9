"""`service: archivefile` by device: what is asked, which files the lock names, and what there is to say about them."""

from __future__ import annotations

import pytest

from oncsync.errors import ProblemsError, TokenError, UnreachableError
from oncsync.lockfile import parse_lock, render_lock
from oncsync.resolver import resolve_manifest
from tests.manifest.support import load_text
from tests.resolver.conftest import Connect
from tests.resolver.making import at
from tests.resolver.shelf import (
    HOUR,
    Shelf,
    again,
    chunks_of,
    day_of,
    entry,
    files_of,
    resolve_archive,
    row,
    texts_of,
)
from tests.support.scripted import Asked, Reply

CTD3 = "deviceCode: CTD3\n"
TWO = "deviceCode: [CTD3, CAM2]\n"
DAY = day_of("CTD3", "2020-01-05")
UNKNOWN = Reply.of_errors((127, "Invalid device code value.", "deviceCode"))


def paths(service: object) -> list[str]:
    return [asked.path for asked in service.asked]  # type: ignore[attr-defined]


# --- What is asked ---------------------------------------------------------------------------------------------


def test_each_device_costs_one_question_and_nothing_else_is_asked(connect: Connect) -> None:
    """R142, R163: be the span one that moves with the clock."""
    rows = day_of("CTD3", "2026-11-20") + day_of("CAM2", "2026-11-20")
    service, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(TWO + "begin: -P2D\nend: now"), session)
    assert paths(service) == ["/api/archivefile/device"] * 2
    assert sorted(asked.query["deviceCode"] for asked in service.asked) == ["CAM2", "CTD3"]
    assert all(asked.query["returnOptions"] == "all" for asked in service.asked)
    assert len(chunks_of(resolution)) == 48
    assert texts_of(resolution) == ""


def test_a_relative_span_means_exactly_what_it_says(connect: Connect) -> None:
    """No split, so no grid: files of the last three hours, and those that reach into them."""
    _, session = connect(Shelf(day_of("CTD3", "2026-11-21")))
    resolution = resolve_archive(entry(CTD3 + "begin: -PT3H\nend: now"), session, now=at("2026-11-21T10:20:30"))
    assert [f"{chunk.begin:%H}" for chunk in chunks_of(resolution)] == ["07", "08", "09", "10"]


def test_the_window_is_asked_wider_and_filtered_here(connect: Connect) -> None:
    """Q27: a file that begins before it is in, one that ends at its begin or begins at its end is not."""
    service, session = connect(Shelf(day_of("CTD3", "2020-01-05")))
    text = entry(CTD3 + "begin: 2020-01-05T03:30\nend: 2020-01-05T05:00")
    assert [f"{chunk.begin:%H}" for chunk in chunks_of(resolve_archive(text, session))] == ["03", "04"]
    assert service.asked[0].query["dateFrom"] == "2020-01-04T03:30:00.000Z"


def test_one_extension_and_one_product_are_asked_for_at_the_service(connect: Connect) -> None:
    """R166, R176: and they are filtered here as well, in case it does not listen."""
    rows = [row("CTD3", "2020-01-05", ".hdf5", dataProductCode="SMRD"), *DAY]
    service, session = connect(Shelf(rows, instead=lambda asked: _unfiltered(asked, rows)))
    resolution = resolve_archive(entry(CTD3 + "extension: hdf5\ndataProductCode: SMRD"), session)
    assert (service.asked[0].query["fileExtension"], service.asked[0].query["dataProductCode"]) == ("hdf5", "SMRD")
    assert list(files_of(resolution)) == ["CTD3_20200105T000000.000Z.hdf5"]


def _unfiltered(asked: Asked, rows: list[dict[str, object]]) -> Reply | None:
    return Reply.of_json({"files": rows, "next": None}) if "archivefile" in asked.path else None


def test_several_extensions_are_filtered_here(connect: Connect) -> None:
    rows = [row("CTD3", "2020-01-05", ending) for ending in (".TXT", ".hdf5", ".png", ".txt.md5")]
    service, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(CTD3 + "extension: [txt, hdf5]"), session)
    assert "fileExtension" not in service.asked[0].query
    assert [name.partition("Z")[2] for name in files_of(resolution)] == [".TXT", ".hdf5"]


def test_an_extension_in_capitals_means_the_same_where_the_service_tells_them_apart(connect: Connect) -> None:
    service, session = connect(Shelf([*DAY, row("CTD3", "2020-01-05", ".png")]))
    assert len(chunks_of(resolve_archive(entry(CTD3 + "extension: TXT"), session))) == 24
    assert [asked.query.get("fileExtension") for asked in service.asked] == ["TXT", None]


def test_all_pages_are_read_and_each_name_counts_once(connect: Connect) -> None:
    service, session = connect(Shelf([*DAY, *DAY[:5]], page_size=7))
    assert len(chunks_of(resolve_archive(entry(CTD3), session))) == 24
    assert len(service.asked) == 5


def test_two_entries_that_ask_the_same_share_the_answer(connect: Connect) -> None:
    service, session = connect(Shelf(DAY))
    resolve_archive(
        entry(CTD3 + "match: '*T00*'") + entry(CTD3 + "match: '*T01*'", "y").removeprefix("downloads:\n"), session
    )
    assert len(service.asked) == 1


def test_a_service_that_will_not_filter_is_asked_for_everything(connect: Connect) -> None:
    def refuse(asked: Asked) -> Reply | None:
        return Reply.of_errors((129, "Invalid parameter", "fileExtension")) if "fileExtension" in asked.query else None

    rows = [*DAY, row("CTD3", "2020-01-05", ".png")]
    _, session = connect(Shelf(rows, instead=refuse))
    assert list(files_of(resolve_archive(entry(CTD3 + "extension: png"), session))) == [rows[-1]["filename"]]


def test_an_entry_that_only_asks_what_another_asks_can_go_unless_its_span_moves(connect: Connect) -> None:
    """R77: what two spans that move have in common today says nothing of tomorrow."""
    _, session = connect(Shelf(day_of("CTD3", "2026-11-21")))
    for span, words in (("begin: 2026-11-21\nend: 2026-11-22", "it can go"), ("begin: -P1D\nend: now", "")):
        both = entry(CTD3 + span) + entry(CTD3 + span, "y").removeprefix("downloads:\n")
        said = texts_of(resolve_archive(both, session))
        assert said.endswith(words)
        assert bool(said) == bool(words)
    shown = entry(CTD3 + "begin: 2026-11-21") + entry(CTD3 + "begin: 2026-11-21\nlatest: true", "y")
    said = texts_of(resolve_archive(shown.replace("\ndownloads:", ""), session))
    assert "`x` does not" not in said, "it brings the newest files into their place"


# --- What the lock says ----------------------------------------------------------------------------------------


def test_a_line_holds_name_span_sizes_and_dates(connect: Connect) -> None:
    _, session = connect(Shelf([row("CTD3", "2020-01-05T07:00", dataProductCode="SMRD")]))
    resolution = resolve_archive(entry(CTD3), session)
    (chunk,) = chunks_of(resolution)
    assert (chunk.begin, chunk.end) == (at("2020-01-05T07:00"), at("2020-01-05T08:00"))
    assert chunk.file is not None
    assert chunk.file.name == "CTD3_20200105T070000.000Z.txt"
    assert (chunk.file.data_product_code, chunk.file.stored_size, chunk.file.delivered_size) == ("SMRD", 400, 1000)
    assert (chunk.file.archived, chunk.file.modified) == (at("2020-01-05T08:30"), at("2020-01-05T08:30:03"))
    (request,) = resolution.lock.entries[0].requests
    assert (request.is_archive, request.source, request.extension) == (True, {"deviceCode": "CTD3"}, "")


def test_each_device_and_year_is_a_request_of_its_own(connect: Connect) -> None:
    """The year is that in which a file begins."""
    rows = [row(device, f"20{year}-12-31T23:30") for device in ("CTD3", "CAM2") for year in (18, 19)]
    _, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(TWO + "begin: 2018-01-01\nend: 2020-06-01"), session)
    requests = resolution.lock.entries[0].requests
    assert [(one.source["deviceCode"], one.begin.year) for one in requests] == [
        ("CAM2", 2018), ("CAM2", 2019), ("CTD3", 2018), ("CTD3", 2019),
    ]  # fmt: skip


def test_the_same_answer_gives_the_same_lock_in_any_order(connect: Connect) -> None:
    """R164: ties in the order of the listing come in no fixed order."""
    locks = set()
    for rows in (DAY, DAY[::-1], DAY[7:] + DAY[:7]):
        _, session = connect(Shelf(rows))
        locks.add(render_lock(resolve_archive(entry(CTD3), session).lock, "oncsync.yaml"))
    assert len(locks) == 1


@pytest.mark.parametrize(
    ("change", "begin", "end"),
    [
        ({"dateTo": None}, "2020-01-05T07:00", "2020-01-05T07:00"),
        ({"dateFrom": None}, "2020-01-05T07:00", "2020-01-05T08:00"),
        ({"dateFrom": None, "dateTo": None}, "2020-01-05T07:00", "2020-01-05T07:00"),
        ({"dateFrom": None, "dateTo": None, "filename": "CTD3_odd.txt"}, "2020-01-05T08:30", "2020-01-05T08:30"),
        ({"dateFrom": None, "dateTo": None, "archivedDate": None, "filename": "CTD3_odd"}, "0001-01-01", "0001-01-01"),
        ({"dateFrom": None, "archivedDate": None, "filename": "CTD3_20209999T99Z"}, "0001-01-01", "2020-01-05T08:00"),
        ({"dateTo": "2020-01-05T06:00:00.000Z"}, "2020-01-05T07:00", "2020-01-05T07:00"),
    ],
)  # fmt: skip
def test_what_is_not_told_of_a_file_takes_it_not_away(
    connect: Connect, change: dict[str, object], begin: str, end: str
) -> None:
    """Q28: and the lock can be read again to the same value."""
    _, session = connect(Shelf([row("CTD3", "2020-01-05T07:00") | change]))
    resolution = resolve_archive(entry(CTD3), session)
    (chunk,) = chunks_of(resolution)
    assert (chunk.begin, chunk.end) == (at(begin), at(end))
    assert parse_lock(render_lock(resolution.lock, "oncsync.yaml")) == resolution.lock


@pytest.mark.parametrize("is_prefixed", [False, True])
def test_names_alone_are_enough(connect: Connect, is_prefixed: bool) -> None:
    """Q29: names in place of objects, and with the place in the archive before them."""
    prefix = "/NA_Archive_04/14/10/" if is_prefixed else ""
    _, session = connect(Shelf(DAY, shape=lambda one: prefix + one["filename"]))
    resolution = resolve_archive(entry(CTD3), session)
    assert list(files_of(resolution)) == [one["filename"] for one in DAY]
    assert [chunk.begin for chunk in chunks_of(resolution)] == [at("2020-01-05") + n * HOUR for n in range(24)]


def test_odd_sizes_and_instants_give_a_lock_that_can_be_read(connect: Connect) -> None:
    odd = {"fileSize": -5, "uncompressedFileSize": 0, "dateFrom": "2020-01-05T07:00:00.123456Z"}
    _, session = connect(Shelf([row("CTD3", "2020-01-05T07:00") | odd]))
    lock = resolve_archive(entry(CTD3), session).lock
    assert parse_lock(render_lock(lock, "oncsync.yaml")) == lock


def test_what_the_service_says_of_restricted_data_is_passed_on(connect: Connect) -> None:
    told: list[str] = []
    _, session = connect(Shelf(DAY, messages=["Some data are restricted"]), on_message=told.append)
    resolve_archive(entry(CTD3), session)
    assert told == ["Some data are restricted"]


# --- What became of files --------------------------------------------------------------------------------------


def test_a_file_that_was_archived_again_is_marked_and_named(connect: Connect) -> None:
    """R148: the mark stays while the file does."""
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    shelf.rows[3] = again(DAY[3], "2020-03-01")
    second = resolve_archive(entry(CTD3), session, previous=first.lock)
    name = DAY[3]["filename"]
    assert [one for one, file in files_of(second).items() if file.is_rearchived] == [name]
    assert files_of(second)[name].delivered_size == 1001
    assert "1 file was archived again by ONC" in texts_of(second)
    assert name in texts_of(second)
    third = resolve_archive(entry(CTD3), session, previous=second.lock)
    assert (third.lock, third.remarks) == (second.lock, ())


def test_many_files_that_were_archived_again_are_counted(connect: Connect) -> None:
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    shelf.rows = [again(one, "2020-03-01") for one in DAY]
    second = resolve_archive(entry(CTD3), session, previous=first.lock)
    assert "24 files were archived again by ONC;" in texts_of(second)
    assert all(file.is_rearchived for file in files_of(second).values())


def test_what_is_told_no_more_is_no_change(connect: Connect) -> None:
    """Q31: the lock keeps what it knew."""
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    silent = {"archivedDate": None, "modifyDate": None, "fileSize": None, "uncompressedFileSize": 0}
    shelf.rows = [one | silent for one in DAY]
    assert resolve_archive(entry(CTD3), session, previous=first.lock).lock == first.lock


def test_a_file_that_is_no_longer_listed_keeps_its_line_marked(connect: Connect) -> None:
    """Q32: it is named once, and unmarked when it is listed again."""
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    shelf.rows = DAY[1:]
    second = resolve_archive(entry(CTD3), session, previous=first.lock)
    assert [one for one, file in files_of(second).items() if not file.is_listed] == [DAY[0]["filename"]]
    assert f"1 file is no longer listed by ONC: `{DAY[0]['filename']}`" in texts_of(second)
    third = resolve_archive(entry(CTD3), session, previous=second.lock)
    assert (third.lock, third.remarks) == (second.lock, ())
    shelf.rows = list(DAY)
    assert resolve_archive(entry(CTD3), session, previous=third.lock).lock == first.lock


def test_files_that_leave_the_window_leave_the_lock(connect: Connect) -> None:
    _, session = connect(Shelf(DAY))
    text = entry(CTD3 + "begin: -PT6H\nend: now")
    first = resolve_archive(text, session, now=at("2020-01-05T06:00"))
    second = resolve_archive(text, session, now=at("2020-01-05T09:00"), previous=first.lock)
    assert [f"{chunk.begin:%H}" for chunk in chunks_of(second)] == [f"{hour:02}" for hour in range(3, 9)]
    assert texts_of(second) == ""


def test_an_unlisted_file_keeps_its_line_when_the_entry_changes_around_it(connect: Connect) -> None:
    """A wider span, another filter: what the entry still means is not dropped, what it does not is."""
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    shelf.rows = DAY[2:]
    wider = resolve_archive(entry(CTD3 + "begin: 2019-12-01\nend: 2020-02-01"), session, previous=first.lock)
    assert [name for name, file in files_of(wider).items() if not file.is_listed] == [
        one["filename"] for one in DAY[:2]
    ]
    narrower = resolve_archive(entry(CTD3 + "match: '*T0[1-9]*'"), session, previous=first.lock)
    assert [name for name, file in files_of(narrower).items() if not file.is_listed] == [DAY[1]["filename"]]


def test_a_device_of_which_nothing_is_listed_any_more_is_reported_once(connect: Connect) -> None:
    """An empty answer is no proof: the lines stand, marked, and the exit code is 3."""
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    first = resolve_archive(entry(CTD3), session)
    shelf.rows = []
    second = resolve_archive(entry(CTD3), session, previous=first.lock)
    assert [failure.kept for failure in second.failures] == [True]
    assert "ONC does not list any of the 24 files that it has of `CTD3` any more" in texts_of(second)
    assert {file.is_listed for file in files_of(second).values()} == {False}
    assert resolve_archive(entry(CTD3), session, previous=second.lock).failures == ()


# --- What cannot be asked --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outage",
    [
        Reply(503, b"busy"),
        Reply.of_page(),
        Reply.of_errors((403, "restricted", "x"), status=403),
        Reply.of_errors((999, "no", "x")),
        Reply.of_json({"nothing": 1}),
        Reply(404, b"<html></html>", {"Content-Type": "text/html"}),
        Reply.of_errors((404, "nothing", "x"), status=404),
    ],
)
def test_a_device_that_cannot_be_listed_keeps_its_lines_and_the_others_are_resolved(
    connect: Connect, outage: Reply
) -> None:
    """Q10, Q11: whatever the fault, it is no "no data"."""
    rows = [*DAY, *day_of("CAM2", "2020-01-05")]
    shelf = Shelf(rows)
    _, session = connect(shelf)
    first = resolve_archive(entry(TWO), session)
    shelf.instead = lambda asked: outage if asked.query.get("deviceCode") == "CAM2" else None
    shelf.rows = [*rows, *day_of("CTD3", "2020-01-06")]
    second = resolve_archive(entry(TWO), session, previous=first.lock)
    (failure,) = second.failures
    assert failure.kept
    assert "`CAM2` could not be listed" in failure.error
    by_device = {name.partition("_")[0] for name in files_of(second)}
    assert by_device == {"CTD3", "CAM2"}
    assert len(files_of(second)) == 72
    assert second.lock.entries[0].digest == first.lock.entries[0].digest


def test_an_entry_of_which_a_device_is_missing_altogether_is_resolved_again(connect: Connect) -> None:
    """The lock holds what could be listed, and is not taken for one that means what the manifest says."""
    shelf = Shelf(DAY, instead=lambda asked: Reply(500) if asked.query.get("deviceCode") == "CAM2" else None)
    _, session = connect(shelf)
    first = resolve_archive(entry(TWO), session)
    assert [failure.kept for failure in first.failures] == [False]
    shelf.instead = lambda asked: None
    shelf.rows += day_of("CAM2", "2020-01-05")
    second = resolve_archive(entry(TWO), session, previous=first.lock)
    assert second.failures == ()
    assert first.lock.entries[0].digest != second.lock.entries[0].digest
    assert (len(files_of(first)), len(files_of(second))) == (24, 48)


def test_when_no_device_can_be_listed_the_entry_keeps_all_it_has(connect: Connect) -> None:
    shelf = Shelf(DAY + day_of("CAM2", "2020-01-05"))
    _, session = connect(shelf)
    both = entry(TWO) + entry("deviceCode: CTD3", "y").removeprefix("downloads:\n")
    first = resolve_archive(both, session)
    shelf.instead = lambda asked: Reply(500) if asked.query.get("dateFrom", "") < "2019-12-31T01" else None
    with pytest.raises(UnreachableError):
        resolve_archive(both, session, previous=first.lock)
    shelf.instead = lambda asked: Reply(500) if asked.query.get("deviceCode") == "CAM2" else None
    second = resolve_archive(both, session, previous=first.lock)
    assert second.lock == first.lock


def test_a_refused_token_ends_it_at_once(connect: Connect) -> None:
    _, session = connect(Shelf(instead=lambda asked: Reply.of_errors((23, "Invalid token", "token"), status=401)))
    with pytest.raises(TokenError):
        resolve_archive(entry(TWO), session)


@pytest.mark.parametrize("answer", [UNKNOWN, None])
def test_a_device_that_onc_does_not_know_is_told_with_the_nearest(connect: Connect, answer: Reply | None) -> None:
    """Q12: be it refused with 400/127 or answered with an empty list."""
    _, session = connect(Shelf(DAY, instead=lambda asked: answer if asked.query.get("deviceCode") == "CTD33" else None))
    with pytest.raises(ProblemsError) as caught:
        resolve_archive(entry("deviceCode: [CTD3, CTD33]"), session)
    (problem,) = caught.value.problems
    assert "ONC knows no deviceCode `CTD33`" in problem.message
    assert "`CTD3`" in (problem.hint or "")


def test_a_device_without_any_file_is_a_remark(connect: Connect) -> None:
    """R130: nothing in the window of a device that exists is no mistake; it is asked for once more, to be sure."""
    service, session = connect(Shelf(DAY))
    resolution = resolve_archive(entry(TWO), session)
    assert len(chunks_of(resolution)) == 24
    assert "there are no such archive files of `CAM2` from 2020-01-01T00:00:00.000Z" in texts_of(resolution)
    assert paths(service).count("/api/devices") == 1
    alone = resolve_archive(entry("deviceCode: CAM2"), session)
    assert chunks_of(alone) == []
    assert "nothing lies in the archive from 2020-01-01T00:00:00.000Z to 2020-01-11T00:00:00.000Z" in texts_of(alone)


def test_a_window_in_the_future_is_no_mistake(connect: Connect) -> None:
    refusal = Reply.of_errors((25, "Invalid Time Range, Start Time is in the future.", "dateFrom"))
    _, session = connect(Shelf(instead=lambda asked: refusal if "archivefile" in asked.path else None))
    resolution = resolve_archive(entry(CTD3 + "begin: 2090-01-01\nend: 2091-01-01"), session)
    assert chunks_of(resolution) == []
    assert resolution.failures == ()


def test_the_clock_of_the_service_decides_though_it_is_known_late(connect: Connect) -> None:
    """A machine whose clock is far off lists the right hours all the same."""
    wrong, right = at("2020-01-05T05:00"), at("2020-01-05T20:00")
    shelf = Shelf(day_of("CTD3", "2020-01-05"), headers={"Date": "Sun, 05 Jan 2020 20:00:00 GMT"})
    service, session = connect(shelf, now=lambda: wrong)
    manifest = load_text("server: sandbox\n" + entry(CTD3 + "begin: -PT2H\nend: now"))
    resolution = resolve_manifest(manifest, session, lambda: right if service.asked else wrong, None)
    assert [f"{chunk.begin:%H}" for chunk in chunks_of(resolution)] == ["18", "19"]
    assert paths(service) == ["/api/archivefile/device"] * 2


# --- Filters ---------------------------------------------------------------------------------------------------


def test_globs_choose_by_name_upper_and_lower_case_apart(connect: Connect) -> None:
    """R177: any of `match`, none of `notMatch`."""
    endings = ("-SDAQ-MODULE.hdf5", "-SDAQ-CAMERA.hdf5", "-sdaq-module.hdf5", ".txt")
    _, session = connect(Shelf([row("CTD3", "2020-01-05", ending) for ending in endings]))
    text = entry(CTD3 + "match: ['*-SDAQ-*', '*.txt']\nnotMatch: '*CAMERA*'")
    names = files_of(resolve_archive(text, session))
    assert sorted(name.partition("Z")[2] for name in names) == ["-SDAQ-MODULE.hdf5", ".txt"]


def test_sizes_are_those_of_the_download(connect: Connect) -> None:
    """Of a file whose size nobody tells nothing is known that could take it away."""
    sizes: list[tuple[int | None, int | None]] = [(1, 999), (1, 1000), (1, 2000), (1, 2001), (None, None), (1500, None)]
    rows = [
        row("CTD3", f"2020-01-05T0{number}:00", fileSize=stored, uncompressedFileSize=delivered)
        for number, (stored, delivered) in enumerate(sizes)
    ]
    _, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(CTD3 + "minSize: 1 kB\nmaxSize: 2 kB"), session)
    assert [chunk.begin.hour for chunk in chunks_of(resolution)] == [1, 2, 4, 5]


def test_prefer_takes_the_first_format_that_a_recording_has(connect: Connect) -> None:
    rows = [
        *(row("CTD3", "2020-01-05T00:00", ending, dataProductCode="AD") for ending in (".wav", ".flac", ".mp3")),
        *(row("CTD3", "2020-01-05T01:00", ending, dataProductCode="AD") for ending in (".wav", ".mp3")),
        row("CTD3", "2020-01-05T02:00", ".mp3", dataProductCode="AD"),
        row("CTD3", "2020-01-05T00:00", ".txt", dataProductCode="LF"),
    ]
    _, session = connect(Shelf(rows))
    resolution = resolve_archive(entry(CTD3 + "prefer: [flac, wav]"), session)
    assert [name[-12:] for name in files_of(resolution)] == [
        "00.000Z.flac",
        "000.000Z.txt",
        "000.000Z.wav",
        "000.000Z.mp3",
    ]


def test_newest_counts_per_device_and_limit_in_all(connect: Connect) -> None:
    """R171: the limit takes the first in lock order."""
    _, session = connect(Shelf(DAY + day_of("CAM2", "2020-01-05")))
    newest = resolve_archive(entry(TWO + "newest: 2"), session)
    assert [name[:16] for name in files_of(newest)] == [
        "CAM2_20200105T22", "CAM2_20200105T23", "CTD3_20200105T22", "CTD3_20200105T23",
    ]  # fmt: skip
    limited = resolve_archive(entry(TWO + "newest: 2\nlimit: 3"), session)
    assert list(files_of(limited)) == list(files_of(newest))[:3]


def test_an_unlisted_file_takes_no_place_of_the_newest_or_of_the_limit(connect: Connect) -> None:
    shelf = Shelf(DAY)
    _, session = connect(shelf)
    for key, listed in (("newest", DAY[:-1]), ("limit", DAY[1:])):
        shelf.rows = list(DAY)
        first = resolve_archive(entry(CTD3 + f"{key}: 3"), session)
        shelf.rows = list(listed)
        second = files_of(resolve_archive(entry(CTD3 + f"{key}: 3"), session, previous=first.lock))
        assert (len(second), sum(file.is_listed for file in second.values())) == (4, 3)


def test_products_are_named_by_code_or_by_name(connect: Connect) -> None:
    """R176: the codes of names are asked for only where an entry names any."""
    rows = [
        row("CTD3", "2020-01-05", ending, dataProductCode=code) for ending, code in ((".txt", "LF"), (".wav", "AD"))
    ]
    service, session = connect(Shelf(rows))
    assert [name[-3:] for name in files_of(resolve_archive(entry(CTD3 + "dataProductName: log file"), session))] == [
        "txt"
    ]
    assert paths(service).count("/api/dataProducts") == 1
    assert service.asked[-1].query["dataProductCode"] == "LF"
    both = entry(CTD3 + "dataProductCode: [AD, LF]\nexclude: {dataProductCode: LF}")
    assert [name[-3:] for name in files_of(resolve_archive(both, session))] == ["wav"]


def test_a_product_name_that_nothing_has_is_a_mistake(connect: Connect) -> None:
    _, session = connect(Shelf(DAY))
    with pytest.raises(ProblemsError, match="no data product of ONC is called `Lag File`"):
        resolve_archive(entry(CTD3 + "dataProductName: Lag File"), session)


@pytest.mark.parametrize(
    ("lines", "sentence", "there"),
    [
        ("extension: hdf", "`extension` drops all 24 files", "they end in `txt`"),
        ("match: '*.hdf5'", "`match` drops all 24 files", "they are called `CTD3_20200105T000000.000Z.txt`"),
        ("notMatch: 'CTD3*'", "`notMatch` drops all 24 files", "and 21 more"),
        ("minSize: 2 kB", "`minSize` drops all 24 files", "they have 1.0 kB to 1.0 kB"),
        ("maxSize: 10", "`maxSize` drops all 24 files", "1.0 kB"),
        ("dataProductCode: AD", "`dataProductCode` drops all 24 files", "they are of `LF`"),
        ("exclude: {extension: txt}", "`exclude` drops all 24 files", "they are of `LF`, they end in `txt`"),
        ("match: '*T07*'\nminSize: 5 MB", "`minSize` drops the only file that its other filters keep", "1.0 kB"),
    ],
)
def test_filters_that_keep_nothing_say_which_one_and_what_there_is(
    connect: Connect, lines: str, sentence: str, there: str
) -> None:
    _, session = connect(Shelf(DAY))
    with pytest.raises(ProblemsError) as caught:
        resolve_archive(entry(CTD3 + lines), session)
    (problem,) = caught.value.problems
    assert sentence in problem.message
    assert there in (problem.hint or "")


def test_filters_of_a_span_that_moves_may_keep_nothing_for_now(connect: Connect) -> None:
    _, session = connect(Shelf(day_of("CTD3", "2026-11-20")))
    resolution = resolve_archive(entry(CTD3 + "match: '*-CAMERA*'\nbegin: -P2D\nend: now"), session)
    assert "`match` drops all 24 files" in texts_of(resolution)
    assert resolution.failures == ()


def test_an_unknown_product_code_is_a_mistake_when_nothing_lies_there(connect: Connect) -> None:
    _, session = connect(Shelf())
    with pytest.raises(ProblemsError, match="ONC knows no dataProductCode `LG`"):
        resolve_archive(entry(CTD3 + "dataProductCode: LG"), session)


def test_a_property_says_nothing_about_files(connect: Connect) -> None:
    _, session = connect(Shelf(DAY))
    with pytest.raises(ProblemsError, match="`propertyCode` says nothing about archive files"):
        resolve_archive(entry(CTD3 + "propertyCode: salinity"), session)


def test_excluding_every_device_is_a_mistake(connect: Connect) -> None:
    _, session = connect(Shelf(DAY))
    with pytest.raises(ProblemsError, match="`x` excludes every device that it names"):
        resolve_archive(entry(CTD3 + "exclude: {deviceCode: CTD3}"), session)


def test_more_files_than_anyone_wants_are_refused(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--allow-many` lets them in."""
    monkeypatch.setattr("oncsync.resolver.archived.MOST_CHUNKS", 23)
    _, session = connect(Shelf(DAY))
    with pytest.raises(ProblemsError) as caught:
        resolve_archive(entry(CTD3), session)
    assert "24 archive files are more than the limit" in caught.value.problems[0].message
    assert "--allow-many" in (caught.value.hint or "")
    assert len(chunks_of(resolve_archive(entry(CTD3), session, allow_many=True))) == 24
