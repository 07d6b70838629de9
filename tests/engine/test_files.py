"""Files in their places: nothing of ours is lost, nothing of anyone else's is touched (rule 1)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oncsync.engine import disk
from oncsync.engine.files import check_writable
from oncsync.errors import FolderError
from oncsync.state import Forgotten
from tests.engine.bench import NOW, Bench, Killed, death_before
from tests.support.records import make_entry, make_lock, make_request, wanted

ONE, TWO, THREE = wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"))))
PLACE = "BACAX/CTD/TSSD_csv/2017"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "data")


def no_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the file system one without hard links, such as FAT."""

    def link(*arguments: Any, **more: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)


def another_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes whatever lies beside `.oncsync/` a mount: no file gets there, or back, by a new name alone."""

    def parted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Path, target: Path) -> Any:
            if (".oncsync" in Path(source).parts) != (".oncsync" in Path(target).parts):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return real(source, target)

        return call

    monkeypatch.setattr(os, "link", parted(os.link))
    monkeypatch.setattr(Path, "replace", parted(Path.replace))
    monkeypatch.setattr(disk, "is_one_disk", lambda one, other: False)


DISKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "links": lambda monkeypatch: None,
    "no links": no_hard_links,
    "another disk": another_disk,
}


@pytest.fixture(params=DISKS)
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> Bench:
    """Gives a folder with hard links, one without, and one in which another disk is mounted."""
    DISKS[request.param](monkeypatch)
    return bench


# --- A file arrives ------------------------------------------------------------------------------------------------


def test_a_whole_file_gets_its_final_name(either: Bench) -> None:
    """R156: the folder shows whole files only."""
    either.order(ONE)
    file = either.arrive(ONE, "CTD.csv", b"data", put=False)
    assert (either.tree(), either.partials()) == ({}, [file.partial])
    either.shelves.put(ONE.chunk.id, file)
    assert (either.tree(), either.partials()) == ({f"{PLACE}/CTD.csv": b"data"}, [])
    either.shelves.put(ONE.chunk.id, file)
    assert either.tree() == {f"{PLACE}/CTD.csv": b"data"}


def test_metadata_lie_beside_the_data(bench: Bench) -> None:
    bench.order(ONE)
    bench.arrive(ONE, "CTD.csv", b"data")
    bench.arrive(ONE, "CTD_META.xml", b"<x/>", index="meta")
    assert list(bench.tree()) == [f"{PLACE}/CTD.csv", f"{PLACE}/_meta/CTD_META.xml"]


@pytest.mark.parametrize("name", ["../../../.bashrc", "/etc/passwd", "C:\\x\\con.csv", "..", "", None, "a\x00b\n.csv"])
def test_no_name_leads_out_of_its_place(bench: Bench, name: str | None) -> None:
    """Rule 7, P20."""
    bench.order(ONE)
    file = bench.arrive(ONE, name, b"data")
    assert list(bench.tree()) == [file.path]
    assert file.path.rpartition("/")[0] == PLACE


def test_a_file_that_is_not_ours_is_never_overwritten(either: Bench) -> None:
    """R109, rule 1: ours lies beside it with a mark."""
    either.write(f"{PLACE}/CTD.csv", b"mine")
    either.order(ONE)
    either.arrive(ONE, "CTD.csv", b"data")
    either.finish(ONE)
    assert either.settle(ONE, TWO) == 0
    assert either.tree() == {f"{PLACE}/CTD.csv": b"mine", f"{PLACE}/CTD~{ONE.chunk.id}.csv": b"data"}
    assert either.paths(ONE) == [f"{PLACE}/CTD~{ONE.chunk.id}.csv"]


def test_a_file_that_comes_between_arrival_and_rename_is_not_overwritten(either: Bench) -> None:
    """Rule 1: also when it takes the name with the mark."""
    either.order(ONE)
    file = either.arrive(ONE, "CTD.csv", b"data", put=False)
    either.write(file.path, b"mine")
    either.write(f"{PLACE}/CTD~{ONE.chunk.id}-1-1-1.csv", b"mine too")
    either.shelves.put(ONE.chunk.id, file)
    either.finish(ONE)
    assert either.tree() == {
        f"{PLACE}/CTD.csv": b"mine",
        f"{PLACE}/CTD~{ONE.chunk.id}-1-1-1.csv": b"mine too",
        f"{PLACE}/CTD~{ONE.chunk.id}-1-1-2.csv": b"data",
    }
    assert (either.partials(), len(either.warnings)) == ([], 1)
    either.restart()
    assert either.paths(ONE) == [f"{PLACE}/CTD~{ONE.chunk.id}-1-1-2.csv"]
    assert either.settle(ONE) == 1
    assert either.paths(ONE) == [f"{PLACE}/CTD~{ONE.chunk.id}.csv"]


def test_a_file_of_the_same_bytes_that_somebody_put_there_stays_theirs(bench: Bench) -> None:
    """Rule 1: on one disk a move leaves nothing half done, so what lies there came from a person."""
    bench.order(ONE)
    file = bench.arrive(ONE, "CTD.csv", b"data", put=False)
    bench.write(file.path, b"data")
    bench.shelves.put(ONE.chunk.id, file)
    bench.finish(ONE)
    assert file.path not in bench.paths(ONE)
    assert bench.tree()[file.path] == b"data"


def test_a_directory_in_its_place_is_left_alone(either: Bench) -> None:
    either.write(f"{PLACE}/CTD.csv/notes.txt", b"mine")
    either.order(ONE)
    either.arrive(ONE, "CTD.csv", b"data")
    assert either.tree() == {f"{PLACE}/CTD.csv/notes.txt": b"mine", f"{PLACE}/CTD~{ONE.chunk.id}.csv": b"data"}


def test_a_link_that_leads_nowhere_is_someones_file_too(either: Bench) -> None:
    place = either.folder / PLACE
    place.mkdir(parents=True)
    (place / "CTD.csv").symlink_to("nowhere")
    either.order(ONE)
    either.arrive(ONE, "CTD.csv", b"data")
    assert (place / "CTD.csv").is_symlink()
    assert either.tree() == {f"{PLACE}/CTD~{ONE.chunk.id}.csv": b"data"}


def test_files_of_one_name_are_all_kept(bench: Bench) -> None:
    """Open questions 17 and 19: from one run, from several, from several chunks."""
    bench.order(ONE)
    for run_id, index in ((1, "1"), (1, "2"), (2, "1")):
        bench.arrive(ONE, "CTD.csv", f"{run_id}{index}".encode(), run_id=run_id, index=index)
    bench.order(TWO, 3)
    bench.arrive(TWO, "ctd.CSV", b"31", run_id=3)
    assert sorted(bench.tree().values()) == [b"11", b"12", b"21", b"31"]


def test_whether_a_file_is_whole_is_seen_in_its_place_and_before(bench: Bench) -> None:
    bench.order(ONE)
    file = bench.arrive(ONE, "CTD.csv", b"data", put=False)
    assert bench.shelves.is_whole(file)
    bench.shelves.put(ONE.chunk.id, file)
    assert bench.shelves.is_whole(file)
    bench.write(file.path, b"dat")
    assert not bench.shelves.is_whole(file)
    (bench.folder / file.path).unlink()
    assert not bench.shelves.is_whole(file)


# --- A newer order -------------------------------------------------------------------------------------------------


def test_new_files_take_the_place_of_the_old_ones_when_all_are_here(either: Bench) -> None:
    """Architecture, "The lock"."""
    either.bring(ONE, ("a.csv", b"old a"), ("b.csv", b"old b"))
    before = either.tree()
    either.order(ONE, 2)
    either.arrive(ONE, "a.csv", b"new a", run_id=2, put=False)
    either.arrive(ONE, "c.csv", b"new c", run_id=2, index="2", put=False)
    assert either.tree() == before
    either.finish(ONE)
    assert either.tree() == {f"{PLACE}/a.csv": b"new a", f"{PLACE}/c.csv": b"new c"}
    assert (either.partials(), either.state(ONE).superseded) == ([], ())


def test_no_data_takes_nothing_away(bench: Bench) -> None:
    """Open question 10."""
    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, 2)
    bench.finish(ONE, "empty")
    bench.restart()
    bench.shelves.recover()
    assert bench.tree() == {f"{PLACE}/a.csv": b"old"}


@pytest.mark.parametrize("content", [b"changed, and longer", b"OLD"])
def test_an_old_file_that_someone_changed_is_not_removed(bench: Bench, content: bytes) -> None:
    """Rule 1: only files that are ours and unchanged, by their hash and not by their size."""
    bench.bring(ONE, ("a.csv", b"old"))
    bench.write(f"{PLACE}/a.csv", content)
    bench.bring(ONE, ("b.csv", b"new"), run_id=2)
    assert bench.tree() == {f"{PLACE}/a.csv": content, f"{PLACE}/b.csv": b"new"}


@pytest.mark.parametrize("content", [b"changed, and longer", b"OLD"])
def test_a_file_that_someone_changed_is_set_aside_for_its_successor(either: Bench, content: bytes) -> None:
    """Rule 1: nothing is lost; the new data have the name that scripts read."""
    either.bring(ONE, ("a.csv", b"old"))
    either.write(f"{PLACE}/a.csv", content)
    either.write(f"{PLACE}/a~changed-1.csv", b"set aside before")
    either.bring(ONE, ("a.csv", b"new"), run_id=2)
    assert either.tree() == {
        f"{PLACE}/a.csv": b"new",
        f"{PLACE}/a~changed-1.csv": b"set aside before",
        f"{PLACE}/a~changed-2.csv": content,
    }
    assert len(either.warnings) == 1
    assert "a~changed-2.csv" in either.warnings[0]


def test_a_file_in_the_place_of_a_removed_one_is_not_touched_when_it_is_a_directory(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"old"))
    (bench.folder / PLACE / "a.csv").unlink()
    bench.write(f"{PLACE}/a.csv/mine", b"mine")
    bench.bring(ONE, ("a.csv", b"new"), run_id=2)
    assert bench.tree()[f"{PLACE}/a.csv/mine"] == b"mine"
    assert bench.tree()[bench.paths(ONE)[0]] == b"new"


def fetch_again(bench: Bench, content: bytes) -> None:
    """Fetches the first file of a finished chunk again."""
    bench.arrive(ONE, "a.csv", content)
    bench.finish(ONE)


@pytest.mark.parametrize("left", [b"", b"da", None])
def test_a_file_that_lost_bytes_is_fetched_again_and_nothing_else_is_left(either: Bench, left: bytes | None) -> None:
    """R109: missing files are fetched, also those that are shorter than they were."""
    either.bring(ONE, ("a.csv", b"data"))
    if left is None:
        (either.folder / PLACE / "a.csv").unlink()
    else:
        either.write(f"{PLACE}/a.csv", left)
    fetch_again(either, b"data")
    assert (either.tree(), either.partials(), either.warnings) == ({f"{PLACE}/a.csv": b"data"}, [], [])


def test_a_file_that_is_fetched_again_does_not_overwrite_what_someone_made_of_it(either: Bench) -> None:
    """Rule 1."""
    either.bring(ONE, ("a.csv", b"data"))
    either.write(f"{PLACE}/a.csv", b"data, and my own columns")
    fetch_again(either, b"data")
    assert either.tree() == {f"{PLACE}/a.csv": b"data", f"{PLACE}/a~changed-1.csv": b"data, and my own columns"}


def test_an_old_file_whose_name_another_chunk_has_by_now_is_not_removed(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"one"))
    bench.bring(TWO, ("a.csv", b"two"), run_id=5)
    (bench.folder / PLACE / "a.csv").unlink()
    bench.bring(ONE, ("b.csv", b"new"), run_id=2)
    bench.settle(ONE, TWO)
    assert bench.tree() == {f"{PLACE}/a.csv": b"two", f"{PLACE}/b.csv": b"new"}


def test_files_of_an_order_that_was_lost_are_replaced_by_those_of_the_next(bench: Bench) -> None:
    """Open question 21: some files had arrived when the order expired; another process orders anew."""
    bench.order(ONE)
    bench.arrive(ONE, "a.csv", b"old a")
    bench.arrive(ONE, "b.csv", b"old b", index="2")
    bench.store.record(Forgotten(at=NOW, chunk=ONE.chunk.id, reason="410"))
    bench.restart()
    bench.shelves.recover()
    bench.bring(ONE, ("a.csv", b"new a"), run_id=2)
    assert bench.tree() == {f"{PLACE}/a.csv": b"new a"}


# --- Where a kill left things --------------------------------------------------------------------------------------


def test_a_file_that_was_recorded_gets_its_place_after_a_kill(either: Bench) -> None:
    """R110: it is ours from the journal line on."""
    either.order(ONE)
    either.arrive(ONE, "a.csv", b"data", put=False)
    either.restart()
    either.shelves.recover()
    assert (either.tree(), either.partials()) == ({f"{PLACE}/a.csv": b"data"}, [])


def test_a_file_with_both_names_loses_the_first(bench: Bench) -> None:
    """R110: a kill between the link and the unlink."""
    bench.order(ONE)
    file = bench.arrive(ONE, "a.csv", b"data", put=False)
    (bench.folder / PLACE).mkdir(parents=True)
    os.link(bench.shelves.partial / file.partial, bench.folder / file.path)
    bench.restart()
    bench.shelves.recover()
    assert (bench.tree(), bench.partials()) == ({f"{PLACE}/a.csv": b"data"}, [])


def test_a_file_with_neither_name_is_not_whole(bench: Bench) -> None:
    bench.order(ONE)
    file = bench.arrive(ONE, "a.csv", b"data", put=False)
    (bench.shelves.partial / file.partial).unlink()
    bench.restart()
    bench.shelves.recover()
    assert bench.tree() == {}
    assert not bench.shelves.is_whole(file)


def test_leftovers_of_transfers_are_removed_and_files_of_ours_are_not(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, 2)
    waiting = bench.arrive(ONE, "a.csv", b"new", run_id=2, put=False)
    bench.transfer(b"half a file", 9, "9")
    bench.restart()
    bench.shelves.recover()
    assert bench.partials() == [waiting.partial]
    assert bench.tree() == {f"{PLACE}/a.csv": b"old"}


def test_files_that_replace_others_wait_after_a_kill_too(bench: Bench) -> None:
    """Architecture, "The lock": only when all of them are whole."""
    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, 2)
    bench.arrive(ONE, "a.csv", b"new", run_id=2, put=False)
    bench.restart()
    bench.shelves.recover()
    assert bench.tree() == {f"{PLACE}/a.csv": b"old"}
    bench.finish(ONE)
    assert bench.tree() == {f"{PLACE}/a.csv": b"new"}


def test_files_of_an_order_that_was_lost_before_it_could_replace_another_do_not_stay(bench: Bench) -> None:
    """They waited in `partial/` for each other; what is held stays, and what waits for its order too."""
    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, run_id=2)
    bench.arrive(ONE, "a.csv", b"new", run_id=2, put=False)
    bench.shelves.sweep()
    assert len(bench.partials()) == 1
    bench.store.record(Forgotten(at=NOW, chunk=ONE.chunk.id, reason="410"))
    bench.shelves.sweep()
    assert bench.partials() == []
    assert list(bench.tree().values()) == [b"old"]


def test_a_place_without_partial_files_is_nothing_to_recover(bench: Bench) -> None:
    bench.shelves.partial.rmdir()
    bench.shelves.recover()
    assert bench.tree() == {}


def take_a_step(bench: Bench, act: Callable[[Bench], None]) -> None:
    """Does something that may have been done before, in part or as a whole."""
    bench.restart()
    bench.shelves.recover()
    act(bench)


def first_order(bench: Bench) -> None:
    """Brings one order, going on from wherever it is."""
    if ONE.chunk.id not in bench.store.state.chunks or bench.state(ONE).order is None:
        bench.order(ONE)
    keys = {file.key for file in (*bench.state(ONE).files, *bench.state(ONE).arriving)}
    for index, name, content in (("1", "a.csv", b"a1"), ("2", "b.csv", b"b1")):
        if (1, index) not in keys:
            bench.arrive(ONE, name, content, index=index)
    if bench.state(ONE).outcome != "done":
        bench.finish(ONE)


def second_order(bench: Bench) -> None:
    """Replaces it by another, going on from wherever that is."""
    order = bench.state(ONE).order
    if order is None or order.run_ids != (2,):
        bench.order(ONE, 2)
    keys = {file.key for file in (*bench.state(ONE).files, *bench.state(ONE).arriving)}
    for index, name, content in (("1", "a.csv", b"a2"), ("2", "c.csv", b"c2")):
        if (2, index) not in keys:
            bench.arrive(ONE, name, content, run_id=2, index=index, put=False)
    if bench.state(ONE).arriving:
        bench.finish(ONE)


AFTER_FIRST = {f"{PLACE}/a.csv": b"a1", f"{PLACE}/b.csv": b"b1"}
AFTER_SECOND = {f"{PLACE}/a.csv": b"a2", f"{PLACE}/c.csv": b"c2"}


@pytest.mark.parametrize("disk", DISKS)
def test_a_kill_before_any_step_of_an_order_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    """R110: wherever it comes, the next run ends with the same files and no other."""
    DISKS[disk](monkeypatch)
    for step in range(40):
        bench = Bench(tmp_path / f"{step}")
        with death_before(step, monkeypatch):
            try:
                first_order(bench)
            except Killed:
                killed = True
            else:
                killed = False
        take_a_step(bench, first_order)
        assert (bench.tree(), bench.partials()) == (AFTER_FIRST, []), step
        if not killed:
            assert step > 8
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("disk", DISKS)
def test_a_kill_before_any_step_of_a_refresh_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    """R110: until all new files are here the old ones are, and at no time neither; none is left over."""
    DISKS[disk](monkeypatch)
    for step in range(40):
        bench = Bench(tmp_path / f"{step}")
        first_order(bench)
        with death_before(step, monkeypatch):
            try:
                second_order(bench)
            except Killed:
                killed = True
            else:
                killed = False
        bench.restart()
        contents = set(bench.tree().values()) | {path.read_bytes() for path in bench.shelves.partial.iterdir()}
        assert {b"a1", b"b1"} <= contents or {b"a2", b"c2"} <= contents, step
        take_a_step(bench, second_order)
        assert (bench.tree(), bench.partials()) == (AFTER_SECOND, []), step
        assert bench.state(ONE).superseded == ()
        if not killed:
            assert step > 10
            return
    pytest.fail("it never came to its end")


# --- A disk that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["mkdir", "link", "unlink"])
def test_a_disk_that_fails_is_an_error_of_the_folder_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Exit code 8; the next try ends it."""

    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench.order(ONE)
    file = bench.arrive(ONE, "a.csv", b"data", put=False)
    with monkeypatch.context() as patched:
        patched.setattr(*((os, "link", full) if call == "link" else (Path, call, full)))
        if call == "link":
            patched.setattr(Path, "replace", full)
        with pytest.raises(FolderError, match="no space left") as caught:
            bench.shelves.put(ONE.chunk.id, file)
    assert caught.value.exit_code == 8
    assert bench.shelves.is_whole(file)
    bench.restart()
    bench.shelves.recover()
    assert (bench.tree(), bench.partials()) == ({f"{PLACE}/a.csv": b"data"}, [])


def test_a_file_that_cannot_be_replaced_is_an_error_and_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: Any, **more: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, 2)
    bench.arrive(ONE, "a.csv", b"new", run_id=2, put=False)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", denied)
        with pytest.raises(FolderError, match="permission denied"):
            bench.finish(ONE)
    assert bench.tree() == {f"{PLACE}/a.csv": b"old"}
    bench.restart()
    bench.shelves.recover()
    assert bench.tree() == {f"{PLACE}/a.csv": b"new"}


def test_an_old_file_that_cannot_be_removed_now_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.bring(ONE, ("a.csv", b"old"))
    bench.order(ONE, 2)
    bench.arrive(ONE, "b.csv", b"new", run_id=2, put=False)
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "a.csv":
            raise PermissionError(errno.EACCES, "in use by another program")
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    bench.finish(ONE)
    assert bench.tree()[f"{PLACE}/b.csv"] == b"new"


def test_a_folder_that_can_be_written_is_left_as_it_was(bench: Bench) -> None:
    check_writable(bench.folder)
    assert (bench.tree(), bench.partials()) == ({}, [])


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_ordered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FolderError, match="read-only file system") as caught:
        check_writable(bench.folder)
    assert str(bench.folder) in caught.value.message


def test_a_file_that_comes_again_under_its_siblings_name_takes_nothing_from_it(bench: Bench) -> None:
    """Open question 18: nobody says that names stay the same between two transfers of one run."""
    bench.bring(ONE, ("a.csv", b"1"), ("b.csv", b"2"))
    (bench.folder / PLACE / "b.csv").unlink()
    bench.arrive(ONE, "a.csv", b"2", index="2")
    bench.finish(ONE)
    assert sorted(bench.tree().items()) == [(f"{PLACE}/a.csv", b"1"), (f"{PLACE}/a~{ONE.chunk.id}.csv", b"2")]


def test_a_name_that_a_file_has_left_is_free(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"1"))
    moved = wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"), path="x")))
    bench.settle(*moved)
    bench.bring(TWO, ("a.csv", b"2"), run_id=2)
    assert bench.tree() == {"x/a.csv": b"1", f"{PLACE}/a.csv": b"2"}


# --- Links, which are people's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["../../../../big/a.csv", "nowhere"])
def test_a_link_in_the_place_of_a_file_is_not_moved(bench: Bench, to: str) -> None:
    """Rule 1: a relative link leads nowhere from another place; the file that it stands for stays where it is."""
    bench.bring(ONE, ("a.csv", b"data"))
    place = bench.folder / PLACE / "a.csv"
    bench.write("big/a.csv", place.read_bytes())
    place.unlink()
    place.symlink_to(to)
    assert bench.settle(*wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"), path="x")))) == 0
    assert (place.readlink(), bench.paths(ONE)) == (Path(to), [f"{PLACE}/a.csv"])
    assert not (bench.folder / "x").exists()


def test_a_link_in_the_place_of_a_file_is_set_aside_for_its_successor(bench: Bench) -> None:
    """Rule 1: also where it leads to what arrived; and it is not removed with what is not wanted any more."""
    bench.bring(ONE, ("a.csv", b"old a"), ("b.csv", b"old b"))
    for name in ("a.csv", "b.csv"):
        bench.write(f"big/{name}", (bench.folder / PLACE / name).read_bytes())
        (bench.folder / PLACE / name).unlink()
        (bench.folder / PLACE / name).symlink_to(bench.folder / "big" / name)
    bench.bring(ONE, ("a.csv", b"new a"), run_id=2)
    links = {path.name: path.read_bytes() for path in (bench.folder / PLACE).iterdir() if path.is_symlink()}
    assert links == {"a~changed-1.csv": b"old a", "b.csv": b"old b"}
    assert not (bench.folder / PLACE / "a.csv").is_symlink()
    assert bench.tree()[f"{PLACE}/a.csv"] == b"new a"


@pytest.mark.parametrize("link", ["BACAX", f"{PLACE}/_meta"])
def test_nothing_is_ordered_for_a_place_behind_a_link_that_leads_away(bench: Bench, tmp_path: Path, link: str) -> None:
    """Rule 7: a folder that came from elsewhere may hold links; the message names the one that does it."""
    (tmp_path / "elsewhere").mkdir()
    place = bench.folder / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="leads out of the folder") as caught:
        check_writable(bench.folder, [ONE, TWO])
    assert f"`{place}`" in caught.value.message
    place.unlink()
    (bench.folder / "inside").mkdir()
    place.symlink_to(bench.folder / "inside")
    check_writable(bench.folder, [ONE, TWO])


def test_no_file_is_moved_behind_a_link_that_leads_away(bench: Bench, tmp_path: Path) -> None:
    bench.bring(ONE, ("a.csv", b"data"))
    (tmp_path / "elsewhere").mkdir()
    (bench.folder / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderError, match="leads out of the folder"):
        bench.settle(*wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"), path="x"))))
    assert (bench.tree(), list((tmp_path / "elsewhere").iterdir())) == ({f"{PLACE}/a.csv": b"data"}, [])


def test_a_file_on_a_mounted_disk_moves_as_any_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill left of the copy is no obstacle."""
    another_disk(monkeypatch)
    bench.bring(ONE, ("a.csv", b"data"))
    moved = wanted(make_lock(make_entry("a", make_request("2017-01-01", "2017-04-01"), path="x")))
    for step in range(30):
        with death_before(step, monkeypatch):
            try:
                bench.settle(*moved)
                break
            except Killed:
                pass
        bench.restart()
        bench.shelves.recover()
        assert list(bench.tree().values()) == [b"data"], step
    bench.restart()
    bench.shelves.recover()
    assert (bench.tree(), bench.partials()) == ({"x/a.csv": b"data"}, [])
