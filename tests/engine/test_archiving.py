"""What archive files need, where they lie, and what `latest` and `keep` make of them: with values alone, no service."""

from __future__ import annotations

import os
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.archived import archive_step, arrived_before, judge_archive, next_version
from oncsync.engine.claims import judge_claims
from oncsync.engine.conductor import Conductor, plan_transfers, plan_work
from oncsync.engine.expiry import outlived_chunks
from oncsync.engine.latest import LatestIndex, refresh_latest
from oncsync.engine.plan import Plan, Terms, make_plan
from oncsync.errors import FaultError, ForbiddenError, RefusedError, UnreachableError
from oncsync.lockfile import Chunk, Lock, LockEntry
from oncsync.naming import TemplateError, check_template, fold
from oncsync.state import Arrived, ChunkState, Dropped, Fetching, FileRecord, Finished, State, apply_event
from tests.support.archived import TITAN, a_listed_file, archive_chunk, archive_entry
from tests.support.records import at, hostile_text, make_entry, make_file, make_lock, make_request, steady, wanted

NOW = at("2026-11-20")
DAY = timedelta(days=1)


def name_of(day: str, device: str = TITAN, extension: str = "txt") -> str:
    return f"{device}_{day.replace('-', '')}T000000.000Z.{extension}"


def a_chunk(day: str = "2017-07-01", *, device: str = TITAN, extension: str = "txt", **more: Any) -> Chunk:
    marks = {key: more.pop(key) for key in ("is_listed", "is_rearchived") if key in more}
    file = a_listed_file(name_of(day, device, extension), day, device=device, data_product_code="LF", **more)
    return archive_chunk(file, **marks)


def hold(
    state: State,
    chunk: Chunk,
    *,
    version: int = 1,
    path: str = "",
    done: bool = True,
    entry: str = "download/a",
    **file: Any,
) -> FileRecord:
    """Lets an archive file arrive."""
    assert chunk.file is not None
    record = make_file(chunk.file.name, run_id=version, path=path, **file)
    apply_event(
        state,
        Fetching(at=NOW, chunk=chunk.id, begin=chunk.begin, end=chunk.end, file=chunk.file, entry=entry),
    )
    apply_event(state, Arrived(at=NOW, chunk=chunk.id, file=record))
    if done:
        apply_event(state, Finished(at=NOW, chunk=chunk.id, outcome="done"))
    return record


def held(chunk: Chunk, **more: Any) -> ChunkState:
    state = State()
    hold(state, chunk, **more)
    return state.chunks[chunk.id]


def plan_of(state: State, *entries: LockEntry, missing: set[Any] | None = None, **flags: Any) -> Plan:
    return make_plan(make_lock(*entries), state, missing or set(), NOW, Terms(), **flags)


# --- What a file needs ---------------------------------------------------------------------------------------------


def rearchived(chunk: Chunk, **members: Any) -> Chunk:
    assert chunk.file is not None
    return msgspec.structs.replace(chunk, file=msgspec.structs.replace(chunk.file, **members))


def test_a_new_file_is_fetched_a_whole_one_is_left_alone() -> None:
    chunk = a_chunk()
    assert archive_step(chunk, None, False, False) == ("fetch", "new in the archive")
    assert archive_step(chunk, held(chunk), False, False) == ("done", "whole")
    assert archive_step(chunk, held(chunk), True, False) == ("fetch", "missing here")


@pytest.mark.parametrize(
    "change",
    [
        {"archived": at("2020-01-01")},
        {"modified": at("2020-01-01")},
        {"stored_size": 5},
        {"delivered_size": 5},
    ],
)
def test_a_file_that_onc_archived_again_is_fetched_again(change: dict[str, Any]) -> None:
    """R148, Q31: any change of a date or a size."""
    chunk = a_chunk()
    assert archive_step(rearchived(chunk, **change), held(chunk), False, False) == ("fetch", "ONC archived it again")


def test_what_the_listing_tells_no_more_is_no_change() -> None:
    """Q28: a size of 0 or a date that is missing says nothing about the file."""
    chunk = a_chunk()
    quiet = rearchived(chunk, archived=None, stored_size=0, delivered_size=None)
    assert archive_step(quiet, held(chunk), False, False) == ("done", "whole")


def test_a_file_that_is_listed_no_more_stays_here_and_is_waited_for_where_it_is_not() -> None:
    """Q32: a missing row may mean restricted, reprocessed or a bad day."""
    chunk = a_chunk(is_listed=False)
    assert archive_step(chunk, held(a_chunk()), False, False)[0] == "done"
    assert archive_step(chunk, None, False, False) == ("wait", "no longer listed by ONC")
    assert archive_step(chunk, held(a_chunk()), True, False)[0] == "wait"


def test_a_file_that_was_let_go_on_purpose_is_not_fetched_again() -> None:
    chunk, state = a_chunk(), State()
    record = hold(state, chunk)
    apply_event(state, Dropped(at=NOW, chunk=chunk.id, files=(record.key,)))
    for listed in (chunk, rearchived(chunk, stored_size=5)):
        step, reason = archive_step(listed, state.chunks[chunk.id], False, False)
        assert (step, "oncsync restore" in reason) == ("done", True)


def test_a_refused_file_is_asked_for_on_request_or_once_onc_archived_it_again() -> None:
    chunk, state = a_chunk(), State()
    apply_event(state, Fetching(at=NOW, chunk=chunk.id, begin=chunk.begin, end=chunk.end, file=chunk.file))  # type: ignore[arg-type]
    apply_event(state, Finished(at=NOW, chunk=chunk.id, outcome="refused", reason="not for you"))
    known = state.chunks[chunk.id]
    assert archive_step(chunk, known, False, False) == ("failed", "not for you")
    assert archive_step(chunk, known, False, True)[0] == "fetch"
    assert archive_step(rearchived(chunk, modified=NOW), known, False, False)[0] == "fetch"


def test_a_file_that_failed_is_tried_again_by_the_next_sync() -> None:
    chunk, state = a_chunk(), State()
    apply_event(state, Fetching(at=NOW, chunk=chunk.id, begin=chunk.begin, end=chunk.end, file=chunk.file))  # type: ignore[arg-type]
    assert archive_step(chunk, state.chunks[chunk.id], False, False) == ("fetch", "not finished")
    apply_event(state, Finished(at=NOW, chunk=chunk.id, outcome="failed-retryable", reason="cut off"))
    assert archive_step(chunk, state.chunks[chunk.id], False, False) == ("fetch", "tried again: cut off")


def test_versions_count_up_over_all_that_is_known() -> None:
    chunk = a_chunk()
    assert next_version(None) == 1
    assert next_version(held(chunk)) == 2
    assert next_version(held(chunk, version=7, done=False)) == 8


def test_what_arrived_before_a_kill_counts_as_long_as_the_listing_says_the_same() -> None:
    chunk = a_chunk()
    state = held(chunk, done=False)
    assert chunk.file is not None
    assert arrived_before(state, chunk.file) == state.arriving[0]
    again = rearchived(chunk, modified=NOW).file
    assert again is not None
    assert arrived_before(state, again) is None
    assert arrived_before(held(chunk), chunk.file) is None


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (FaultError("x"), "retry"),
        (UnreachableError("x"), "retry"),
        (ForbiddenError("x"), "refused"),
        (RefusedError("x", status=400, code=127), "failed-retryable"),
        (RefusedError("x", status=410), "failed-retryable"),
    ],
)
def test_what_an_error_means_for_an_archive_file(error: Any, verdict: str) -> None:
    """Q45, Q46: nobody's order is lost, so nothing is ordered anew."""
    assert judge_archive(error) == verdict


def test_no_archive_file_is_ordered_covered_or_open() -> None:
    """Rule 3: its data may be of the future as far as the clock here goes, or all of one instant."""
    chunks = [a_chunk("2017-07-01"), a_chunk("2017-07-02", hours=0), a_chunk("2030-01-01")]
    plan = plan_of(State(), archive_entry("a", chunks))
    assert {one.step for one in plan.chunks} == {"fetch"}
    assert plan.warnings == ()
    assert plan_work(plan, State(), Terms()) == []
    assert len(plan_transfers(plan)) == 3


def test_orders_and_archive_files_stand_in_one_plan() -> None:
    plan = plan_of(State(), archive_entry("a", [a_chunk()]), make_entry("b", make_request()))
    assert dict(plan.counts) == {"fetch": 1, "order": 1}
    assert [one.planned.step for one in plan_work(plan, State(), Terms())] == ["order"]


def test_entries_that_list_the_same_files_are_told_of_the_place_alone() -> None:
    """Nothing is fetched twice, so nobody is warned of that."""
    chunks = [a_chunk("2017-07-01"), a_chunk("2017-07-02")]
    plan = plan_of(State(), archive_entry("a", chunks), archive_entry("b", chunks, path="{year}"))
    assert len(plan.chunks) == 2
    assert [one.wanted.directory for one in plan.chunks] == [f"{TITAN}/2017_07"] * 2
    assert len(plan.warnings) == 1
    assert "different places" in plan.warnings[0]


def test_only_one_entry_is_synced_also_with_what_another_one_wants_first() -> None:
    chunks = [a_chunk("2017-07-01"), a_chunk("2017-07-02")]
    plan = plan_of(State(), archive_entry("a", chunks), archive_entry("b", chunks[:1]), only=["b"])
    assert [one.id for one in plan.chunks] == [chunks[0].id]


class Desk:
    """A desk with so many files to fetch, in a pool that has room for all."""

    def __init__(self, kind: str, count: int, begun: list[str]) -> None:
        self.kind, self.count, self.begun = kind, count, begun

    def start_transfers(self, *, only_again: bool = False, most: int | None = None) -> int:
        number = min(self.count, self.count if most is None else most)
        self.count -= number
        self.begun += [self.kind] * number
        return number


def test_product_files_and_archive_files_take_turns_in_the_pool() -> None:
    """Neither waits until all of the other are fetched."""
    begun: list[str] = []
    conductor = Conductor.__new__(Conductor)
    conductor._files, conductor._archive = Desk("p", 3, begun), Desk("a", 5, begun)  # type: ignore[assignment]
    conductor._start_transfers(only_again=False)
    assert "".join(begun) == "papapaaa"


# --- Places --------------------------------------------------------------------------------------------------------


def places(*entries: LockEntry) -> list[str]:
    return [one.directory for one in wanted(make_lock(*entries))]


def test_files_lie_by_device_and_month() -> None:
    """R145: the month of the file's own begin, in two digits."""
    chunks = [a_chunk("2017-07-01"), a_chunk("2017-12-31"), a_chunk("0987-01-01")]
    assert sorted(places(archive_entry("a", chunks))) == [f"{TITAN}/0987_01", f"{TITAN}/2017_07", f"{TITAN}/2017_12"]


def test_a_place_asked_for_by_place_is_still_the_devices() -> None:
    source = {"locationCode": "BACAX", "deviceCategoryCode": "CTD", "deviceCode": TITAN}
    assert places(archive_entry("a", [a_chunk()], source=source)) == [f"{TITAN}/2017_07"]


def test_a_template_has_the_files_own_product_and_extension() -> None:
    entry = archive_entry(
        "a", [a_chunk(extension="flac")], path="{dataProductCode}/{extension}/{deviceCode}/{year}-{day}"
    )
    assert places(entry) == [f"LF/flac/{TITAN}/2017-01"]
    unknown = archive_chunk(a_listed_file("README"))
    assert places(archive_entry("a", [unknown], path="{dataProductCode}/{extension}/x")) == ["x"]


@pytest.mark.parametrize("template", ["latest/x", "Latest", "./latest/{year}", "LATEST/{name}"])
def test_no_template_leads_into_the_place_of_the_newest_files(template: str) -> None:
    """R143: `latest/` is a stable path because nothing else lies there."""
    with pytest.raises(TemplateError, match="latest"):
        check_template(template)
    check_template("data/latest")


@pytest.mark.parametrize(("path", "device"), [("{name}", TITAN), ("{deviceCode}", "Latest"), (None, "LATEST")])
def test_no_code_leads_there_either(path: str | None, device: str) -> None:
    entry = archive_entry("latest", [a_chunk(device=device)], device=device, path=path)
    (place,) = places(entry)
    assert fold(place.partition("/")[0]) == "_latest"


@given(hostile_text(1), hostile_text(1))
@steady(100)
def test_no_device_and_no_name_leads_out_of_the_folder(device: str, name: str) -> None:
    """Rule 7: listings and cloned locks are untrusted."""
    (one,) = wanted(make_lock(archive_entry("a", [archive_chunk(a_listed_file(name))], device=device)))
    parts = one.directory.split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & set(parts)


# --- Memory --------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_waiting_files_cost_little() -> None:
    """A file that waits is a line of the plan and no more: much less than 1 kB."""
    count = 20_000
    first = at("2017-01-01")
    chunks = [
        archive_chunk(
            a_listed_file(
                f"D_{number:08}.txt", device="D", begin=format(first + number * DAY / 288, "%Y-%m-%dT%H:%M:%SZ")
            )
        )
        for number in range(count)
    ]
    lock = make_lock(archive_entry("a", chunks, device="D"))
    tracemalloc.start()
    try:
        plan = make_plan(lock, State(), set(), NOW, Terms())
        waiting = plan_transfers(plan)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(waiting) == count
    assert used / count < 500


# --- latest/ -------------------------------------------------------------------------------------------------------


class Shelf:
    """A folder with files of a state that lie where it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self.said: list[str] = []
        (folder / ".oncsync/partial").mkdir(parents=True)

    def put(self, chunk: Chunk, content: bytes = b"x", *, version: int = 1, **more: Any) -> FileRecord:
        assert chunk.file is not None
        path = f"{TITAN}/2017_07/{chunk.file.name}"
        record = hold(self.state, chunk, version=version, path=path, content=content, **more)
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name("part")
        part.write_bytes(content)
        part.replace(place)
        return record

    def refresh(self, *entries: LockEntry, checked: datetime | None = NOW, only: tuple[str, ...] = ()) -> None:
        times = {entry.name: checked for entry in entries} if checked else {}
        refresh_latest(make_lock(*entries), self.state, self.folder, times, only, self.said.append)

    @property
    def place(self) -> Path:
        return self.folder / "latest/a"

    @property
    def index(self) -> LatestIndex:
        return msgspec.json.decode((self.place / "index.json").read_bytes(), type=LatestIndex)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir() if path.name != "index.json")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


FIRST, SECOND, THIRD = (a_chunk(f"2017-07-0{day}") for day in (1, 2, 3))


def the_entry(*chunks: Chunk, **more: Any) -> LockEntry:
    return archive_entry("a", chunks, **({"latest": True} | more))


def test_the_newest_file_has_a_second_name_and_the_index_says_what_it_is(shelf: Shelf) -> None:
    """R143: the time of the newest datum, and a stable path to it."""
    for chunk in (FIRST, SECOND):
        shelf.put(chunk, chunk.id.encode())
    shelf.refresh(the_entry(FIRST, SECOND))
    assert shelf.names == [name_of("2017-07-02")]
    assert (shelf.place / shelf.names[0]).read_bytes() == SECOND.id.encode()
    index = shelf.index
    assert (index.begin, index.end, index.checked) == (SECOND.begin, SECOND.end, NOW)
    assert index.path == f"{TITAN}/2017_07/{name_of('2017-07-02')}"
    assert (index.files[0].device_code, index.files[0].data_product_code) == (TITAN, "LF")
    assert (shelf.folder / index.path).samefile(shelf.place / shelf.names[0])


def test_each_device_and_each_kind_of_file_has_its_newest(shelf: Shelf) -> None:
    chunks = [FIRST, SECOND, a_chunk("2017-07-01", extension="png"), a_chunk("2017-06-01", extension="fft")]
    for chunk in chunks:
        shelf.put(chunk)
    shelf.refresh(the_entry(*chunks))
    assert shelf.names == [
        name_of("2017-06-01", extension="fft"),
        name_of("2017-07-01", extension="png"),
        name_of("2017-07-02"),
    ]
    assert shelf.index.end == SECOND.end


def test_a_newer_file_takes_over_and_when_it_was_checked_moves_also_without_one(shelf: Shelf) -> None:
    """R142: "nothing new" is seen too."""
    shelf.put(FIRST)
    shelf.refresh(the_entry(FIRST))
    shelf.put(SECOND)
    shelf.refresh(the_entry(FIRST, SECOND), checked=NOW + DAY)
    assert shelf.names == [name_of("2017-07-02")]
    shelf.refresh(the_entry(FIRST, SECOND), checked=NOW + 2 * DAY)
    assert (shelf.index.checked, shelf.index.end) == (NOW + 2 * DAY, SECOND.end)
    shelf.refresh(the_entry(FIRST, SECOND), checked=None)
    assert shelf.index.checked == NOW + 2 * DAY, "nobody asked ONC this time"


def test_a_file_that_was_archived_again_is_replaced_in_one_step(shelf: Shelf) -> None:
    shelf.put(FIRST, b"old")
    shelf.refresh(the_entry(FIRST))
    with open(shelf.place / shelf.names[0], "rb") as display:
        shelf.put(FIRST, b"newer", version=2)
        shelf.refresh(the_entry(FIRST))
        assert display.read() == b"old", "who reads it reads one version whole"
    assert (shelf.place / shelf.names[0]).read_bytes() == b"newer"


def test_files_that_are_not_ours_stay_as_they_are(shelf: Shelf) -> None:
    """Rule 1."""
    shelf.put(FIRST)
    shelf.refresh(the_entry(FIRST))
    (shelf.place / "notes.txt").write_text("mine")
    (shelf.place / name_of("2017-07-02")).write_text("mine too")
    shelf.put(SECOND)
    shelf.refresh(the_entry(FIRST, SECOND))
    assert (shelf.place / "notes.txt").read_text() == "mine"
    assert (shelf.place / name_of("2017-07-02")).read_text() == "mine too"
    (ours,) = {one.name for one in shelf.index.files}
    assert (shelf.place / ours).read_bytes() == b"x"
    assert name_of("2017-07-01") not in shelf.names


@pytest.mark.parametrize("kind", ["index", "link", "file"])
def test_a_place_that_oncsync_did_not_make_is_left_alone(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    """Rules 1 and 7: a link in a copied folder could lead anywhere."""
    shelf.put(FIRST)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "index":
        shelf.place.mkdir(parents=True)
        (shelf.place / "index.json").write_text("{}")
    elif kind == "link":
        (shelf.folder / "latest").symlink_to(elsewhere)
    else:
        (shelf.folder / "latest").write_text("mine")
    shelf.refresh(the_entry(FIRST))
    assert len(shelf.said) == 1
    assert list(elsewhere.iterdir()) == []
    if kind == "index":
        assert (shelf.place / "index.json").read_text() == "{}"


def test_what_a_kill_left_behind_goes(shelf: Shelf) -> None:
    """F1: a link without its index, and half an index."""
    shelf.put(FIRST)
    shelf.put(SECOND)
    shelf.refresh(the_entry(FIRST))
    os.link(shelf.folder / TITAN / "2017_07" / name_of("2017-07-02"), shelf.place / name_of("2017-07-02"))
    (shelf.place / ".index.json.0123456789ab.part").write_text("{")
    shelf.refresh(the_entry(FIRST))
    assert shelf.names == [name_of("2017-07-01")]


def test_without_hard_links_there_are_copies(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    shelf.put(FIRST, b"first")
    shelf.refresh(the_entry(FIRST))
    before = (shelf.place / name_of("2017-07-01")).stat().st_ino
    shelf.refresh(the_entry(FIRST))
    assert (shelf.place / name_of("2017-07-01")).stat().st_ino == before
    shelf.put(SECOND, b"second")
    shelf.refresh(the_entry(FIRST, SECOND))
    assert {name: (shelf.place / name).read_bytes() for name in shelf.names} == {name_of("2017-07-02"): b"second"}
    assert not list((shelf.folder / ".oncsync/partial").iterdir())


def test_a_download_without_latest_loses_its_place_with_what_is_ours(shelf: Shelf) -> None:
    shelf.put(FIRST)
    shelf.refresh(the_entry(FIRST))
    (shelf.place / "notes.txt").write_text("mine")
    shelf.refresh(the_entry(FIRST, latest=None))
    assert shelf.names == ["notes.txt"]
    assert not (shelf.place / "index.json").exists()
    (shelf.place / "notes.txt").unlink()
    shelf.refresh(the_entry(FIRST))
    shelf.refresh(the_entry(FIRST, latest=None))
    assert not (shelf.folder / "latest").exists()


def test_nothing_here_is_said_by_the_index_too(shelf: Shelf) -> None:
    shelf.refresh(the_entry(FIRST))
    assert shelf.names == []
    assert (shelf.index.end, shelf.index.path, shelf.index.checked) == (None, None, NOW)


def test_a_file_that_claims_to_reach_into_the_future_does_not_stay_the_newest(shelf: Shelf) -> None:
    """R143: an instrument's clock may be wrong, or its file open; what came later is newer than what came then."""
    far = a_chunk("2017-07-01", hours=24 * 365 * 1000)
    shelf.put(far, b"far", came="2017-07-02")
    shelf.put(THIRD, b"3", came="2017-07-04")
    shelf.refresh(the_entry(far, THIRD))
    assert shelf.names == [name_of("2017-07-03")]
    shelf.refresh(the_entry(far))
    assert shelf.index.end == at("2017-07-02")


def test_instruments_that_fell_silent_leave_their_last_files_there(shelf: Shelf) -> None:
    """R143: a span that moves leaves them behind, and the lock names nothing any more."""
    shelf.put(FIRST, b"1")
    shelf.refresh(the_entry(FIRST, relative="-P1D/now"))
    index = shelf.index
    later = NOW + DAY
    shelf.refresh(the_entry(relative="-P1D/now"), checked=later)
    assert shelf.index == msgspec.structs.replace(index, checked=later)
    assert (shelf.place / index.files[0].name).read_bytes() == b"1"
    shelf.put(SECOND, b"2")
    shelf.refresh(the_entry(SECOND, relative="-P1D/now"))
    assert shelf.names == [name_of("2017-07-02")]


@pytest.mark.parametrize("why", ["another meaning", "still", "let go", "removed", "changed"])
def test_what_nobody_means_any_more_leaves_the_place_of_the_newest(shelf: Shelf, why: str) -> None:
    record = shelf.put(FIRST, b"1")
    shelf.refresh(the_entry(FIRST, relative="-P1D/now"))
    now: dict[str, Any] = {"relative": "-P1D/now"}
    if why == "another meaning":
        now["digest"] = "0" * 20
    elif why == "still":
        now["relative"] = None
    elif why == "let go":
        apply_event(shelf.state, Dropped(at=NOW, chunk=FIRST.id, files=((1, "1"),)))
    elif why == "removed":
        (shelf.folder / record.path).unlink()
    else:
        (shelf.place / FIRST.file.name if FIRST.file else shelf.place).write_bytes(b"mine")
    shelf.refresh(the_entry(**now))
    assert (shelf.index.end, shelf.index.files) == (None, ())


def test_a_file_called_like_what_is_left_of_an_index_stays(shelf: Shelf) -> None:
    chunk = archive_chunk(a_listed_file(".index.json.abc.part"))
    shelf.put(chunk, b"data")
    shelf.refresh(the_entry(chunk))
    assert [one.name for one in shelf.index.files] == shelf.names == [".index.json.abc.part"]


def test_a_download_renamed_in_case_alone_keeps_its_newest_files(shelf: Shelf) -> None:
    """Where case does not count the old place and the new one are one, as they are here through a link."""
    shelf.put(FIRST)
    shelf.refresh(the_entry(FIRST))
    if not (shelf.folder / "latest/A").exists():
        (shelf.folder / "latest/A").symlink_to("a")
    shelf.refresh(msgspec.structs.replace(the_entry(FIRST), name="A"))
    assert shelf.names == [name_of("2017-07-01")]


def test_a_file_called_like_the_index_has_a_mark(shelf: Shelf) -> None:
    chunk = archive_chunk(a_listed_file("index.json"))
    shelf.put(chunk, b"data")
    shelf.refresh(the_entry(chunk))
    assert shelf.names == [f"index~{chunk.id}.json"]


def test_an_ordered_product_has_the_files_of_its_newest_piece(shelf: Shelf) -> None:
    """R156: a display of a product that is made on order."""
    request = make_request("2017-05-01", "2017-07-01")
    for number, chunk in enumerate(request.chunks):
        files = tuple(
            make_file(f"{number}{part}.csv", index=part, path=f"{number}{part}.csv") for part in ("1", "2", "meta")
        )
        done = ChunkState(product=request.product_digest, begin=chunk.begin, end=chunk.end, outcome="done", files=files)
        shelf.state.chunks[chunk.id] = done
        for file in files:
            (shelf.folder / file.path).write_bytes(b"x")
    shelf.refresh(make_entry("a", request, latest=True))
    assert shelf.names == ["11.csv", "12.csv"]
    assert shelf.index.end == at("2017-07-01")


# --- keep ----------------------------------------------------------------------------------------------------------


def moving(*chunks: Chunk, **more: Any) -> LockEntry:
    return archive_entry("a", chunks, **({"relative": "-P1D/now", "keep": "P7D"} | more))


def aged(days: int, **more: Any) -> Chunk:
    return a_chunk(f"{NOW - days * DAY:%Y-%m-%d}", **more)


def outlived(entry: LockEntry, state: State, *arrived: Chunk, others: tuple[LockEntry, ...] = ()) -> set[str]:
    lock = Lock(server="production", entries=(entry, *others))
    return outlived_chunks(lock, state, {chunk.id for chunk in arrived}, NOW)


def holding(*chunks: Chunk, entry: str = "download/a") -> State:
    state = State()
    for chunk in chunks:
        hold(state, chunk, entry=entry)
    return state


def test_files_older_than_keep_go_after_newer_ones_arrived() -> None:
    new, young, old = aged(0), aged(6), aged(9)
    state = holding(new, young, old)
    assert outlived(moving(new), state, new) == {old.id}
    assert outlived(moving(new), state) == set(), "nothing newer arrived"
    assert outlived(moving(new, keep=None), state, new) == set(), "without `keep` nothing is ever deleted"


def test_keep_lets_nothing_go_that_anybody_wants_or_that_was_fetched_for_others() -> None:
    new, old = aged(0), aged(9)
    state = holding(new, old)
    assert outlived(moving(new), state, new, others=(archive_entry("b", [old]),)) == set()
    assert outlived(moving(new, old), state, new) == set(), "in the lock of the very entry"
    assert outlived(moving(new), holding(new, old, entry="download/b"), new) == set()
    assert outlived(moving(new, relative=None), state, new) == set(), "a span that does not move"


@pytest.mark.parametrize(
    ("keep", "other", "owner"),
    [
        ("P7D", {"relative": "-P2D/now"}, "download/b"),
        ("P7D", {"relative": "-P2D/now", "keep": "P1M"}, "download/b"),
        ("P7D", {"relative": "-P2D/now", "keep": "P6D"}, "download/a"),
        ("P7D", {"relative": "-P2D/now", "keep": "P7D"}, "download/a"),
        ("P7D", {"keep": "P1D"}, "download/b"),
        (None, {"relative": "-P2D/now", "keep": "P8D"}, "download/a"),
    ],
)
def test_a_file_that_two_entries_want_is_fetched_for_the_one_that_keeps_it_longest(
    keep: str | None, other: dict[str, Any], owner: str
) -> None:
    """Without `keep` nothing is ever deleted, whatever another entry says of the same device."""
    new, old = aged(0), aged(9)
    both = (moving(new, keep=keep), archive_entry("b", [new], **other))
    assert ["/".join(one.wanted.keeper.key) for one in plan_of(State(), *both).chunks] == [owner]
    state = holding(new, old)
    assert (judge_claims(make_lock(*both), state, NOW, {}).claimed == {new.id: owner}) == (owner != "download/a")
    later = holding(new, old, entry=owner)
    assert outlived(both[0], later, new, others=both[1:]) == ({old.id} if keep and owner == "download/a" else set())


def test_a_device_that_fell_silent_keeps_its_last_files() -> None:
    """Only newer files of the same device make older ones superfluous."""
    new, old, silent = aged(0), aged(9), aged(9, device="OTHER")
    state = holding(new, old, silent)
    assert outlived(moving(new), state, new) == {old.id}


def test_a_file_whose_device_is_not_known_goes_after_others_like_it_alone() -> None:
    new, old = aged(0), archive_chunk(a_listed_file("picture.png", f"{NOW - 9 * DAY:%Y-%m-%d}"))
    newer = archive_chunk(a_listed_file("picture-2.png", f"{NOW:%Y-%m-%d}"))
    state = holding(new, old, newer)
    assert outlived(moving(new, newer), state, new) == set()
    assert outlived(moving(new, newer), state, newer) == {old.id}


def test_what_was_let_go_on_purpose_stays_known() -> None:
    new, old = aged(0), aged(9)
    state = holding(new, old)
    apply_event(state, Dropped(at=NOW, chunk=old.id, files=((1, "1"),)))
    assert outlived(moving(new), state, new) == set()


def test_months_count_as_months_and_no_clock_is_too_early() -> None:
    new, old = aged(0), aged(40)
    state = holding(new, old)
    assert outlived(moving(new, keep="P1M"), state, new) == {old.id}
    assert outlived(moving(new, keep="P2M"), state, new) == set()
    assert outlived(moving(new, keep="P9999Y"), state, new) == set()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), st.data())
@steady(50)
def test_keep_never_takes_what_is_younger_or_wanted(days: list[int], data: st.DataObject) -> None:
    chunks = [aged(day) for day in days]
    listed = data.draw(st.lists(st.sampled_from(chunks), unique_by=lambda chunk: chunk.id))
    came = data.draw(st.lists(st.sampled_from(chunks), unique_by=lambda chunk: chunk.id))
    gone = outlived(moving(*listed), holding(*chunks), *came)
    assert all(chunk.end < NOW - 7 * DAY for chunk in chunks if chunk.id in gone)
    assert not gone & {chunk.id for chunk in listed}
