"""Archive files from lock to folder, against the service: faults, kills, files archived again, hostile names."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncsync import connection
from oncsync.api import RetryPolicy, Session, Timeouts
from oncsync.api.listing import SIZE_DIFFERS
from oncsync.caretaking import find_origin, find_unwanted, prune, repair, sums_text, verify
from oncsync.cli.outlooks import describe_outlook
from oncsync.cli.wording import describe_plan, describe_status
from oncsync.engine.archived import NOT_THERE
from oncsync.engine.latest import LatestIndex
from oncsync.engine.run import Tools
from oncsync.errors import OncsyncError, TokenError, UnreachableError
from oncsync.listed import SIZE_BELIEVED
from oncsync.lockfile import Chunk
from oncsync.project import Project
from oncsync.sandbox import Fault, Faults, Reply, Sandbox, content_of
from oncsync.sandbox.replies import PLAINLY, Manner
from oncsync.state import ChunkState, StateStore
from tests.faults.staging import Clock, Recorder, asked_of, down, refused, sync
from tests.faults.test_fault_grid import FAULTS, SECONDS
from tests.support.archived import (
    FILES,
    TITAN,
    a_listed_file,
    archive_chunk,
    archive_entry,
    in_the_lock,
    list_files,
    write_lock,
)
from tests.support.records import at, make_entry, make_request
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

PATIENCE = 0.15
"""How long silence is borne in the tests of it, in seconds."""
EIGHT_DAYS = 8
"""Files in the lock of the world."""
PLACE = f"{TITAN}/2017_07"
NO_SUCH_NAME = refused(400, 96, "No file could be found.", "filename")
OPTIONS = {"dpo_average": "3600", "dpo_resample": "average"}
Asking = Mapping[str, str]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service, a manifest of archive files, a lock of eight of them, an empty folder."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    with quick_sandbox() as sandbox:
        world = World(tmp_path, sandbox, FILES)
        in_the_lock(world)
        yield world


def go(world: World, **flags: Any) -> Any:
    return sync(world, frozen=True, **flags)


def name_of(day: int) -> str:
    return f"{TITAN}_201707{day:02}T000000.000Z.txt"


def file_reply(body: bytes, manner: Manner = PLAINLY, *, coded: bool = False) -> Reply:
    """Gives a file, coded or not, sent in some manner."""
    headers = (("Content-Encoding", "gzip"),) if coded else ()
    return Reply(200, "application/octet-stream", content_of(gzip.compress(body) if coded else body), headers, manner)


def archive_answers(world: World, answer: Callable[[str], Reply | None]) -> None:
    """Has downloads from the archive answered in the service's place; None leaves one to the sandbox."""

    def interfere(method: str, path: str, parameters: Asking) -> Reply | None:
        return answer(parameters["filename"]) if path.endswith("archivefile/download") else None

    world.sandbox.interfere = interfere


def states(world: World) -> dict[str, ChunkState]:
    """Gives what the state says, by the files' names at the service."""
    chunks = StateStore(world.folder / ".oncsync" / "state.json").state.chunks.values()
    return {listed.name: chunk for chunk in chunks if (listed := chunk.listed or chunk.coming)}


def downloads(sandbox: Sandbox) -> list[str]:
    return [asked["filename"] for asked in asked_of(sandbox, "download") if "filename" in asked]


def a_lock_of(world: World, *names: str, size: int | None = 8, **settings: Any) -> list[Chunk]:
    """Writes a lock of files with names that nobody lists."""
    chunks = [archive_chunk(a_listed_file(name, f"2017-07-{day:02}", size=size)) for day, name in enumerate(names, 1)]
    write_lock(world, archive_entry("files", chunks, **settings))
    return chunks


# --- The plain course ----------------------------------------------------------------------------------------------


def test_files_are_fetched_once_and_need_no_order(world: World) -> None:
    """R144, R109: nobody is asked to make what lies there already, and a second sync asks nothing at all."""
    result = go(world)
    assert (result.exit_code, result.counts.done, result.counts.files) == (0, EIGHT_DAYS, EIGHT_DAYS)
    assert list(world.tree()) == [f"{PLACE}/{name_of(day)}" for day in range(1, 9)]
    for name, content in world.tree().items():
        file = world.sandbox.archive.find(name.rpartition("/")[2])
        assert file is not None
        assert content == b"".join(world.sandbox.archive.content(file, world.sandbox.archive.now).blocks())
    assert asked_of(world.sandbox, "request") == []
    before = len(world.sandbox.asked)
    assert go(world).counts.total == 0
    assert len(world.sandbox.asked) == before


def test_archive_files_do_not_wait_for_orders_beside_them(world: World) -> None:
    order = make_entry(
        "orders", make_request("2015-01-01", "2015-03-01", options={"dpo_average": "3600", "dpo_resample": "average"})
    )
    files = list_files(world.sandbox, "2017-07-01", "2017-08-20")
    write_lock(world, archive_entry("files", files), order)
    world.write(FILES + CTD_CSV.replace("axis", "orders"), "  downloadThreads: 1\n")
    assert go(world).exit_code == 0
    kinds = ["name" if "filename" in asked else "run" for asked in asked_of(world.sandbox, "download")]
    assert kinds.count("run") >= 4
    assert "name" in kinds[: kinds.index("run")], "archive files did not wait for the orders"


def test_only_what_is_missing_is_fetched_again(world: World) -> None:
    go(world)
    (world.folder / PLACE / name_of(3)).unlink()
    result = go(world)
    assert dict(result.plan.counts) == {"done": 7, "fetch": 1}
    assert downloads(world.sandbox)[EIGHT_DAYS:] == [name_of(3)]
    assert len(world.tree()) == EIGHT_DAYS


def test_a_file_whose_path_changes_is_moved_not_fetched(world: World) -> None:
    go(world)
    in_the_lock(world, path="{year}/{dataProductCode}_{extension}")
    result = go(world)
    assert (result.moved, result.counts.total) == (EIGHT_DAYS, 0)
    assert set(world.tree()) == {f"2017/LF_txt/{name_of(day)}" for day in range(1, 9)}


def test_two_entries_that_want_a_file_in_two_places_have_it_once(world: World) -> None:
    files = list_files(world.sandbox)
    write_lock(world, archive_entry("b", files), archive_entry("c", files, path="elsewhere"))
    world.write(FILES.replace("files", "b") + FILES.replace("files", "c"))
    recorder = Recorder()
    assert go(world, watcher=recorder).counts.files == EIGHT_DAYS
    assert "different places" in recorder.texts("warning")[0]
    assert set(world.tree()) == {f"{PLACE}/{name_of(day)}" for day in range(1, 9)}
    assert go(world, only=["c"]).counts.total == 0


# --- Sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
def test_a_file_of_a_listed_length_is_whole_however_it_comes(world: World, framing: Any, coded: bool) -> None:
    """Q1, Q2, Q4."""
    a_lock_of(world, "a.txt", size=5)
    archive_answers(world, lambda name: file_reply(b"12345", Manner(framing=framing), coded=coded))
    assert go(world).exit_code == 0
    state = states(world)["a.txt"]
    assert (state.notes, state.files[0].unverified, world.tree()[f"{PLACE}/a.txt"]) == ((), False, b"12345")


def test_a_file_of_another_length_than_listed_is_kept_marked_and_not_fetched_for_ever(world: World) -> None:
    """Q1: the length was announced and came, so the listing is wrong, or older than the file."""
    a_lock_of(world, "a.txt", size=99)
    archive_answers(world, lambda name: file_reply(b"12345"))
    assert go(world).exit_code == 0
    assert states(world)["a.txt"].notes == (SIZE_DIFFERS,)
    assert go(world).counts.total == 0
    assert downloads(world.sandbox) == ["a.txt"]


def test_a_file_of_another_length_is_told_shown_and_fetched_once_more_on_request(world: World) -> None:
    """Q1, F6: a lie that looks like a file is seen and cured; one that comes twice the same is believed."""
    a_lock_of(world, *(f"{letter}.txt" for letter in "abcde"), size=99)
    archive_answers(world, lambda name: file_reply(b"sorry"))
    recorder = Recorder()
    assert go(world, watcher=recorder).exit_code == 0
    told = [one.text for one in recorder.notices if one.level == "warning"]
    assert sum("5 bytes came, 99 are listed" in text for text in told) == 3, "of very many a few are enough"
    assert "--retry-failed" in told[1]
    for files in (world.project().files(), world.project().files(everything=True)):
        assert {file.reason for file in files} == {SIZE_DIFFERS}
    assert any("another size than ONC lists" in line for line in describe_status(world.project().status()))

    archive_answers(world, lambda name: file_reply(b"x" * 99 if name == "a.txt" else b"sorry"))
    assert go(world, retry_failed=True).counts.files == 5
    assert (states(world)["a.txt"].notes, states(world)["b.txt"].notes) == ((), (SIZE_BELIEVED,))
    assert world.tree()[f"{PLACE}/a.txt"] == b"x" * 99
    assert go(world, retry_failed=True).counts.total == 0
    assert not any("another size than ONC lists" in line for line in describe_status(world.project().status()))


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b"{}", b"[[["])
def test_json_of_another_length_than_listed_is_no_file(world: World, body: bytes) -> None:
    """F6, rule 7: nothing is kept of it, and the service well again brings the file."""
    a_lock_of(world, "a.flac", size=8)
    archive_answers(world, lambda name: Reply(200, "application/json", content_of(body)))
    assert go(world).exit_code == 3
    assert (world.tree(), states(world)["a.flac"].files) == ({}, ())
    archive_answers(world, lambda name: file_reply(b"12345678"))
    assert go(world).exit_code == 0
    assert world.tree() == {f"{PLACE}/a.flac": b"12345678"}


@pytest.mark.parametrize("name", ["a.txt", "a.json"])
def test_json_of_the_listed_length_or_in_a_file_of_json_is_the_file(world: World, name: str) -> None:
    a_lock_of(world, name, size=2 if name == "a.txt" else None)
    archive_answers(world, lambda name: Reply(200, "application/json", content_of(b"[]")))
    assert go(world).exit_code == 0
    assert world.tree() == {f"{PLACE}/{name}": b"[]"}


def test_a_file_without_a_length_that_is_shorter_than_listed_is_asked_for_again(world: World) -> None:
    """Q2: it may have been cut off; the second answer is whole."""
    a_lock_of(world, "a.txt", size=5)
    bodies = [b"12", b"12345"]
    archive_answers(world, lambda name: file_reply(bodies.pop(0), Manner(framing="none")))
    assert go(world).exit_code == 0
    assert world.tree()[f"{PLACE}/a.txt"] == b"12345"
    assert states(world)["a.txt"].notes == ()


def test_the_same_bytes_twice_are_believed(world: World) -> None:
    """Q1: never loop for ever on it."""
    a_lock_of(world, "a.txt", size=5)
    archive_answers(world, lambda name: file_reply(b"12", Manner(framing="none")))
    assert go(world).exit_code == 0
    state = states(world)["a.txt"]
    assert (state.notes, state.files[0].unverified) == ((SIZE_DIFFERS,), True)
    assert len(downloads(world.sandbox)) == 2


def test_bytes_that_differ_each_time_are_not_believed(world: World) -> None:
    a_lock_of(world, "a.txt", size=5)
    bodies = iter(range(1, 100))
    archive_answers(world, lambda name: file_reply(bytes(next(bodies)) + b"0000000", Manner(framing="none")))
    assert go(world).exit_code == 3
    assert states(world)["a.txt"].outcome == "failed-retryable"
    assert len(downloads(world.sandbox)) == QUICK_PACE.attempts
    assert world.tree() == {}
    assert list((world.folder / ".oncsync/partial").iterdir()) == []


def test_where_no_size_is_listed_a_clean_end_is_marked_unverified(world: World) -> None:
    a_lock_of(world, "a.txt", size=None)
    archive_answers(world, lambda name: file_reply(b"12345", Manner(framing="none")))
    assert go(world).exit_code == 0
    assert states(world)["a.txt"].files[0].unverified


@pytest.mark.parametrize(("size", "code"), [(0, 0), (5, 3), (None, 3)])
def test_an_empty_file_is_believed_only_where_the_listing_says_so(world: World, size: int | None, code: int) -> None:
    """Q2, onc-api.md 4.2: zero-byte leftovers were a known failure."""
    a_lock_of(world, "a.txt", size=size)
    archive_answers(world, lambda name: file_reply(b""))
    assert go(world).exit_code == code
    assert world.tree() == ({f"{PLACE}/a.txt": b""} if code == 0 else {})


# --- What the service says -----------------------------------------------------------------------------------------


def test_a_listed_file_that_the_archive_does_not_have_waits_for_the_next_sync(world: World) -> None:
    """Q33: it is marked, the others go on, the exit code says so, and the next sync finds it."""
    archive_answers(world, lambda name: NO_SUCH_NAME if name == name_of(2) else None)
    result = go(world)
    assert (result.exit_code, result.counts.done, result.counts.failed) == (3, 7, 1)
    state = states(world)[name_of(2)]
    assert (state.outcome, state.reason, state.status, state.code) == ("failed-retryable", NOT_THERE, 400, 96)
    assert downloads(world.sandbox).count(name_of(2)) == 1
    world.sandbox.interfere = None
    assert go(world).exit_code == 0
    assert len(world.tree()) == EIGHT_DAYS


def test_a_forbidden_file_is_refused_and_asked_for_on_request(world: World) -> None:
    """Q46: 403 fails that file alone."""
    archive_answers(world, lambda name: refused(403) if name == name_of(2) else None)
    assert go(world).counts.failed == 1
    assert states(world)[name_of(2)].outcome == "refused"
    world.sandbox.interfere = None
    assert go(world).exit_code == 3
    assert go(world, retry_failed=True).exit_code == 0
    assert len(world.tree()) == EIGHT_DAYS


def test_a_token_that_is_refused_ends_the_run(world: World) -> None:
    """Q46: 401 stops everything at once; what is here stays, and the next sync goes on."""
    archive_answers(world, lambda name: refused(401) if len(downloads(world.sandbox)) >= 3 else None)
    with pytest.raises(TokenError):
        go(world)
    world.sandbox.interfere = None
    assert go(world).exit_code == 0
    assert len(world.tree()) == EIGHT_DAYS


def test_an_outage_ends_the_run_in_few_questions(world: World) -> None:
    """F7: exit 5 and not three hundred failures."""
    write_lock(world, archive_entry("files", list_files(world.sandbox, "2017-07-01", "2018-07-01")))
    archive_answers(world, lambda name: down())
    with pytest.raises(UnreachableError):
        go(world)
    assert len(downloads(world.sandbox)) <= 11 * QUICK_PACE.attempts, "what ten threads try, of 365 files"
    world.sandbox.interfere = None
    assert go(world).exit_code == 0


def test_the_time_given_ends_a_run_that_goes_on_later(world: World) -> None:
    """R155: it yields before the next start; transfers under way end."""
    clock = Clock()
    archive_answers(world, lambda name: clock.jump(minutes=20) if len(downloads(world.sandbox)) == 2 else None)
    world.write(FILES, "  downloadThreads: 1\n")
    result = go(world, tools=clock.tools(), max_seconds=600.0)
    assert result.exit_code == 7
    assert 0 < result.counts.done < EIGHT_DAYS
    world.sandbox.interfere = None
    assert go(world).exit_code == 0
    assert sorted(downloads(world.sandbox)) == sorted(set(downloads(world.sandbox))), "nothing was fetched twice"


def test_a_closed_window_and_a_full_disk_begin_nothing(world: World) -> None:
    """R97: neither window nor room is for orders alone."""
    world.write(FILES, "  beginRun: 10:00:00\n  endRun: 11:00:00\n  runTimeZone: UTC\n")
    clock = Clock(at("2026-11-20T12:00"))
    assert go(world, tools=clock.tools(), wait_for_window=False).exit_code == 7
    world.write(FILES, "  minFree: 1 GB\n")
    tools = Tools(pace=QUICK_PACE, free_space=lambda place: 1000)
    assert go(world, tools=tools).exit_code == 8
    assert downloads(world.sandbox) == []


# --- Archived again ------------------------------------------------------------------------------------------------


def test_a_file_that_is_archived_again_is_replaced_when_the_new_one_is_whole(world: World) -> None:
    """R148, Q31: the old one stays under its name until then."""
    go(world)
    old = world.tree()[f"{PLACE}/{name_of(1)}"]
    world.sandbox.archive.archive_again(name_of(1), b"new and whole")
    in_the_lock(world)
    seen: list[bytes] = []
    archive_answers(world, lambda name: seen.append(world.tree()[f"{PLACE}/{name_of(1)}"]))
    result = go(world)
    assert [one.reason for one in result.plan.work] == ["ONC archived it again"]
    assert seen == [old]
    assert world.tree()[f"{PLACE}/{name_of(1)}"] == b"new and whole"
    assert len(world.tree()) == EIGHT_DAYS
    assert states(world)[name_of(1)].superseded == ()


def test_the_old_file_stays_while_the_new_one_cannot_be_had(world: World) -> None:
    go(world)
    old = world.tree()
    world.sandbox.archive.archive_again(name_of(1), b"new and whole")
    in_the_lock(world)
    archive_answers(world, lambda name: NO_SUCH_NAME)
    assert go(world).exit_code == 3
    assert world.tree() == old
    world.sandbox.interfere = None
    assert go(world).exit_code == 0
    assert world.tree()[f"{PLACE}/{name_of(1)}"] == b"new and whole"


def test_a_file_that_was_changed_here_is_set_aside(world: World) -> None:
    """Rule 1: a person's own version is never overwritten."""
    go(world)
    place = world.folder / PLACE / name_of(1)
    place.write_bytes(b"m" * len(place.read_bytes()))
    world.sandbox.archive.archive_again(name_of(1), b"new and whole")
    in_the_lock(world)
    assert go(world).exit_code == 0
    assert place.read_bytes() == b"new and whole"
    (aside,) = place.parent.glob("*~changed-1.txt")
    assert set(aside.read_bytes()) == {ord("m")}


def test_a_file_that_is_archived_again_between_listing_and_download_is_marked_then_listed_anew(world: World) -> None:
    """Q31: sizes of the listing and of the file differ for one sync."""
    world.sandbox.archive.archive_again(name_of(1), b"new and whole")
    go(world)
    assert states(world)[name_of(1)].notes == (SIZE_DIFFERS,)
    in_the_lock(world)
    assert go(world).counts.files == 1
    assert states(world)[name_of(1)].notes == ()
    assert go(world).counts.total == 0


def test_a_file_that_is_archived_again_while_it_comes_is_whole_in_one_version(world: World) -> None:
    """A transfer begins at the start, never in the middle of another version."""
    versions = [b"old " * 1000, b"newer" * 1000]

    def answer(name: str) -> Reply:
        body = versions.pop(0)
        return file_reply(body, Manner(cut=1000) if versions else PLAINLY)

    a_lock_of(world, "a.txt", size=5000)
    archive_answers(world, answer)
    assert go(world).exit_code == 0
    assert world.tree()[f"{PLACE}/a.txt"] == b"newer" * 1000
    assert all(asked.range is None for asked in world.sandbox.asked)


def test_a_file_that_is_listed_no_more_stays(world: World) -> None:
    """Q32: nothing local is ever deleted because a listing lacks it."""
    go(world)
    before = world.tree()
    chunks = [archive_chunk(file, is_listed=False) for file in list_files(world.sandbox)]
    write_lock(world, archive_entry("files", chunks))
    assert go(world).counts.total == 0
    (world.folder / PLACE / name_of(1)).unlink()
    result = go(world)
    assert (result.exit_code, result.counts.total, dict(result.plan.counts)) == (0, 0, {"done": 7, "wait": 1})
    assert world.tree().items() <= before.items()


# --- Names ---------------------------------------------------------------------------------------------------------

HOSTILE = ["../../x.txt", "/etc/passwd", "C:\\x.txt", "..", "CON.txt", "a\x00b.txt", "_meta", " x.txt. ", "a/b.txt",
           "\u202etxt.exe", "latest", "~x", "x" * 400 + ".txt"]  # fmt: skip


def test_hostile_names_stay_in_the_folder_and_each_file_has_a_place(world: World) -> None:
    """Rule 7, Q29: names are asked for as they are listed, and lie under names that every system takes."""
    a_lock_of(world, *HOSTILE, size=None)
    archive_answers(world, lambda name: file_reply(name.encode("utf-8", "surrogatepass") or b"?"))
    assert go(world).exit_code == 0
    assert sorted(downloads(world.sandbox)) == sorted(HOSTILE)
    tree = world.tree()
    assert len(tree) == len(HOSTILE)
    assert {content.decode() for content in tree.values()} == set(HOSTILE)
    assert all(path.startswith(f"{PLACE}/") and path.count("/") == 2 for path in tree)
    assert sorted(entry.name for entry in world.directory.iterdir()) == [
        "data",
        "oncsync.lock",
        "oncsync.lock.d",
        "oncsync.yaml",
    ]
    assert go(world).counts.total == 0


def test_names_that_differ_in_case_alone_lie_apart_on_every_system(world: World) -> None:
    """Q29: the first in the order of the lock has the plain name, whatever came first."""
    chunks = a_lock_of(world, "A.txt", "a.txt", "a.TXT", size=None, path="flat")
    archive_answers(world, lambda name: file_reply(name.encode()))
    assert go(world).exit_code == 0
    assert world.tree() == {
        "flat/A.txt": b"A.txt",
        f"flat/a~{chunks[1].id}.txt": b"a.txt",
        f"flat/a~{chunks[2].id}.TXT": b"a.TXT",
    }


def test_a_file_of_somebody_else_is_never_overwritten(world: World) -> None:
    """Rule 1."""
    place = world.folder / PLACE / name_of(1)
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    assert go(world).exit_code == 0
    assert place.read_text() == "mine"
    assert len(world.tree()) == EIGHT_DAYS + 1


# --- Kills ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("event", [2, 3, 4, 25])
def test_a_kill_around_any_journal_line_loses_nothing(world: World, event: int, when: str) -> None:
    """F1, R110: what is whole is not fetched again, and nothing half is left."""
    world.write(FILES, "  downloadThreads: 2\n")
    assert world.sync_in_child(kill_after=event, when=when, frozen=True) == -9
    chunks = world.project()._read_state().chunks.values()
    whole = {file.name for chunk in chunks for file in (*chunk.files, *chunk.arriving)}
    asked = len(downloads(world.sandbox))
    assert go(world).exit_code == 0
    assert not whole & set(downloads(world.sandbox)[asked:])
    assert set(world.tree()) == {f"{PLACE}/{name_of(day)}" for day in range(1, 9)}
    assert not list((world.folder / ".oncsync" / "partial").iterdir())
    assert go(world).counts.total == 0


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("event", [1, 2, 3])
def test_a_kill_while_a_file_is_replaced_leaves_one_of_the_two(world: World, event: int, when: str) -> None:
    """F1: the old one until the new one is whole, then the new one; never neither, never half."""
    go(world)
    old = world.tree()[f"{PLACE}/{name_of(1)}"]
    world.sandbox.archive.archive_again(name_of(1), b"new and whole")
    in_the_lock(world)
    assert world.sync_in_child(kill_after=event, when=when, frozen=True) == -9
    assert world.tree()[f"{PLACE}/{name_of(1)}"] in (old, b"new and whole")
    asked = len(downloads(world.sandbox))
    assert go(world).exit_code == 0
    assert world.tree()[f"{PLACE}/{name_of(1)}"] == b"new and whole"
    assert len(world.tree()) == EIGHT_DAYS
    assert len(downloads(world.sandbox)) - asked == (
        0 if (event, when) in {(3, "before"), (2, "after"), (3, "after"), (4, "before"), (4, "after")} else 1
    )
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


@pytest.mark.parametrize("cut", [3, 40, 400, 1500])
def test_a_torn_journal_costs_a_transfer_and_nothing_else(world: World, cut: int) -> None:
    """R110: files whose record was torn off lie there and are not taken for somebody else's work to overwrite."""
    archive_answers(world, lambda name: refused(401) if len(downloads(world.sandbox)) >= 5 else None)
    with pytest.raises(TokenError):
        go(world)
    world.sandbox.interfere = None
    journal = world.folder / ".oncsync" / "state.journal"
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert go(world).exit_code == 0
    names = {path.rpartition("/")[2].partition("~")[0].removesuffix(".txt") for path in world.tree()}
    assert names == {name_of(day).removesuffix(".txt") for day in range(1, 9)}
    assert go(world).counts.total == 0


def test_a_new_version_that_arrived_is_given_up_for_a_still_newer_one(world: World) -> None:
    """Killed between arrival and end, and archived once more before the next sync: the old file stays in its place."""
    go(world)
    world.sandbox.archive.archive_again(name_of(1), b"second")
    in_the_lock(world)
    assert world.sync_in_child(kill_after=2, frozen=True) == -9
    world.sandbox.archive.archive_again(name_of(1), b"third")
    in_the_lock(world)
    assert go(world).exit_code == 0
    assert world.tree()[f"{PLACE}/{name_of(1)}"] == b"third"
    assert len(world.tree()) == EIGHT_DAYS
    assert not list((world.folder / ".oncsync" / "partial").iterdir())


# --- Faults --------------------------------------------------------------------------------------------------------


@pytest.fixture
def _quick_sessions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has sessions hardly wait, and give up on silence at once where the fault is silence."""
    limit = PATIENCE if "stall" in request.node.name else 10.0
    settings = {
        "timeouts": Timeouts(connect=limit, first_byte=limit, idle=limit),
        "retry": RetryPolicy(attempts=3, first=0.01, cap=0.02),
    }
    monkeypatch.setattr(connection, "Session", lambda url, token, **rest: Session(url, token, **(rest | settings)))


def make_fault(name: str, **conditions: Any) -> Fault:
    waits: dict[str, Any] = {"seconds": SECONDS[name]} if name in SECONDS else {}
    waits |= {"bytes": 8000} if name == "slow-drip" else {}
    return Fault(name, on="archivefile/download", **waits, **conditions)


def exit_code(world: World) -> int:
    try:
        return int(go(world).exit_code)
    except OncsyncError as error:
        told = error
    assert told.exit_code != 70, told
    assert TOKEN not in str(told)
    return told.exit_code


def end_faults(sandbox: Sandbox) -> None:
    sandbox.faults = Faults()
    sandbox.stop()
    sandbox.start()


@pytest.mark.usefixtures("_quick_sessions")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_a_sync_and_the_next_one_heals(world: World, name: str) -> None:
    """F6: it gets through or says why; no file is torn; the folder ends as if nothing had been."""
    world.sandbox.faults = Faults([make_fault(name)])
    code = exit_code(world)
    assert code in (0, 3, 4, 5)
    assert len(downloads(world.sandbox)) <= EIGHT_DAYS * QUICK_PACE.attempts
    assert list((world.folder / ".oncsync" / "partial").iterdir()) == []
    end_faults(world.sandbox)
    healed = sync(world, frozen=True, retry_failed=name == "status-403").exit_code
    assert healed == 0
    sizes = {f"{PLACE}/{file.name}": file.delivered_size for file in list_files(world.sandbox)}
    assert {path: len(content) for path, content in world.tree().items()} == sizes
    assert not world.sandbox.broken


@pytest.mark.slow
@pytest.mark.usefixtures("_quick_sessions")
def test_hundreds_of_files_lose_nothing_under_faults(world: World) -> None:
    """F7: one question in ten fails in one of many ways; syncs end, and the folder ends whole (a form of the soak)."""
    files = list_files(world.sandbox, "2017-06-15", "2018-06-15")
    write_lock(world, archive_entry("files", files))
    kinds = [
        "reset-mid-body",
        "truncated-body",
        "status-503",
        "close-before-answer",
        "html-200",
        "json-error-200",
        "gzip",
    ]
    world.sandbox.faults = Faults([make_fault(kind, probability=0.015) for kind in kinds], seed=7)
    for _ in range(6):
        if exit_code(world) == 0:
            break
    else:
        pytest.fail("it never got through")
    sizes = {file.name: file.delivered_size for file in files}
    assert {path.rpartition("/")[2]: len(content) for path, content in world.tree().items()} == sizes
    assert len(downloads(world.sandbox)) < 2 * len(files)


# --- latest and keep -----------------------------------------------------------------------------------------------


def index_of(world: World) -> LatestIndex:
    return msgspec.json.decode((world.folder / "latest/files/index.json").read_bytes(), type=LatestIndex)


def test_a_sync_keeps_the_newest_file_in_latest(world: World) -> None:
    """R142, R143, R156: with a listing that has something new, and with one that has not."""
    in_the_lock(world, latest=True)
    assert go(world).exit_code == 0
    latest = world.folder / "latest/files"
    assert (latest / name_of(8)).read_bytes() == world.tree()[f"{PLACE}/{name_of(8)}"]
    assert index_of(world).end == at("2017-07-09")
    assert index_of(world).checked is None, "the lock was taken as it is"
    in_the_lock(world, end="2017-07-10", latest=True)
    go(world)
    assert sorted(path.name for path in latest.iterdir()) == [name_of(9), "index.json"]
    assert verify(world.project()).extra == ()


def test_keep_lets_old_files_go_once_newer_ones_are_here(world: World) -> None:
    """Issue 7: ours, unchanged, older than that; with the name of the entry alone, and never before newer data came."""
    clock = Clock(at("2017-07-12T12:00"))
    moves = {"relative": "-P3D/now", "keep": "P5D"}
    in_the_lock(world, **moves)
    assert go(world, tools=clock.tools()).removed == 0, "all are in the lock"
    in_the_lock(world, begin="2017-07-08", **moves)
    assert go(world, tools=clock.tools()).removed == 0, "nothing newer came"
    (world.folder / PLACE / name_of(2)).write_bytes(b"mine")
    in_the_lock(world, begin="2017-07-08", end="2017-07-11", **moves)
    result = go(world, tools=clock.tools())
    assert (result.counts.files, result.removed) == (2, 5)
    left = [name_of(day) for day in (2, 7, 8, 9, 10)]
    assert [path.rpartition("/")[2] for path in world.tree()] == left
    assert set(states(world)) == set(left[1:]), "the changed one is nobody's but the person's"
    assert go(world, tools=clock.tools()).counts.total == 0


# --- What else looks at them ---------------------------------------------------------------------------------------


def test_status_and_plan_tell_files_and_bytes(world: World) -> None:
    project = world.project()
    assert describe_outlook(project.outlook()) == "Nothing is to be ordered; 8 archive files to fetch, about 7.8 kB"
    assert "new in the archive" in describe_plan(project.plan())[0]
    go(world)
    lines = describe_status(project.status())
    assert lines[:3] == ["files", f"  {TITAN} archive files of 2017", "    8 files done, 7.8 kB"]
    assert describe_outlook(project.outlook()) == "Nothing is to be ordered"
    chunks = [archive_chunk(file, is_listed=False) for file in list_files(world.sandbox, end="2017-07-12")]
    write_lock(world, archive_entry("files", chunks))
    assert "8 of 11 files done, 3 no longer listed by ONC" in describe_status(world.project().status())[2]


def test_a_failed_file_is_told_as_failed(world: World) -> None:
    archive_answers(world, lambda name: NO_SUCH_NAME)
    go(world)
    status = world.project().status()
    assert (status.failed, status.pending) == (8, 0)
    assert NOT_THERE in "\n".join(describe_status(status))


def test_show_tells_of_the_archive_and_of_no_order(world: World) -> None:
    go(world)
    origin = find_origin(world.project(), f"{PLACE}/{name_of(1)}")
    assert origin.order is None
    assert origin.archived is not None
    assert (origin.archived.name, origin.downloads) == (name_of(1), ("files",))
    with pytest.raises(OncsyncError):
        find_origin(world.project(), "1")  # the number of a version is no run


def test_a_damaged_file_is_repaired_from_the_archive(world: World) -> None:
    go(world)
    place = world.folder / PLACE / name_of(1)
    whole = place.read_bytes()
    place.write_bytes(b"m" * len(whole))
    (world.folder / PLACE / name_of(2)).unlink()
    findings = verify(world.project()).findings
    assert {one.kind for one in findings} == {"changed", "missing"}
    result = repair(world.project(), findings, tools=Tools(pace=QUICK_PACE))
    assert (result.exit_code, result.left) == (0, ())
    assert place.read_bytes() == whole
    assert verify(world.project()).findings == ()
    assert sums_text(world.project()).count(b"\n") == EIGHT_DAYS


def test_files_out_of_the_window_can_be_pruned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "is_lock_current", lambda self: True)
    go(world)
    write_lock(world, archive_entry("files", list_files(world.sandbox, begin="2017-07-05"), digest="0" * 20))
    unwanted = find_unwanted(world.project())
    assert [one.path.rpartition("/")[2] for one in unwanted] == [name_of(day) for day in range(1, 5)]
    assert len(prune(world.project(), unwanted).removed) == 4
    assert len(world.tree()) == 4
    assert go(world).counts.total == 0


HOURLY = """\
  - name: files
    service: archivefile
    deviceCode: TUMPMTSPECTROMETER002
    match: "*-TOT.txt"
    begin: -P1D
    end: now
    latest: true
    keep: P2D
"""


def test_a_moving_download_follows_the_clock_with_latest_and_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R142, R143, R150, R156: through resolve and sync, hour by hour and day by day, by the service's clock."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    clock = Clock(at("2026-11-10T06:05"))
    monkeypatch.setattr(connection, "Session", lambda url, token, **rest: Session(url, token, now=clock.now, **rest))
    with quick_sandbox(now=clock.now) as sandbox:
        world = World(tmp_path, sandbox, HOURLY)

        def step() -> Any:
            return Project(world.manifest, now=clock.now).sync(tools=clock.tools())

        first = step()
        assert (first.exit_code, first.counts.done) == (0, first.counts.files)
        assert first.counts.files >= 20
        newest = index_of(world)
        assert newest.end is not None
        assert newest.checked is not None
        assert abs(clock.now() - newest.checked) < timedelta(minutes=1)
        clock.jump(minutes=10)
        before = len(sandbox.asked)
        step()
        checked = index_of(world).checked
        assert checked is not None
        assert checked - newest.checked > timedelta(minutes=9), "nothing new is looked up too"
        listings = [asked for asked in sandbox.asked[before:] if asked.path.endswith("archivefile/device")]
        assert len(listings) == 1, "one call for each device"
        clock.jump(hours=3)
        step()
        later = index_of(world)
        assert later.end is not None
        assert later.end > newest.end
        for _ in range(4):
            clock.jump(days=1)
            last = step()
        assert last.removed > 0
        ends = sorted(chunk.end for chunk in world.project()._read_state().chunks.values())
        assert clock.now() - timedelta(days=2, hours=1) < ends[0] < clock.now() - timedelta(days=1)
        assert len([path for path in world.tree() if path.startswith("latest/")]) == 2
