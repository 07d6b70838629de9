"""Archive files in the lock: a line for each device and year, and shards with their names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given

from oncsync.errors import FolderError, InputError
from oncsync.listed import ListedFile
from oncsync.lockfile import (
    Chunk,
    Lock,
    LockedRequest,
    LockError,
    archive_chunk_id,
    archive_request_id,
    compare_locks,
    parse_lock,
    render_lock,
    shard_name,
    shards_of,
    sort_files,
    with_shards,
    year_bounds,
)
from oncsync.locking import read_beside, read_standing, shards_folder, without_relative_requests, write_locks
from tests.lockfile.locks import ARCHIVE_REQUESTS, LOCKS
from tests.support.records import at, make_entry, make_lock, make_request, steady


def chunk(name: str, begin: str = "2020-01-05", **more: Any) -> Chunk:
    """Gives an archive file of an hour."""
    told: dict[str, Any] = {"data_product_code": "LF", "stored_size": 400, "delivered_size": 1000, **more}
    return Chunk(archive_chunk_id(name), at(begin), at(begin), ListedFile(name=name, **told))


def archive(device: str, *chunks: Chunk, year: int = 2020, place: str | None = None) -> LockedRequest:
    """Gives the archive files of a device and year."""
    source = {"locationCode": place, "deviceCategoryCode": "CTD"} if place else {}
    source = {**source, "deviceCode": device}
    begin, end = year_bounds(year)
    return LockedRequest(
        id=archive_request_id(source, year), service="archivefile", source=source, data_product_code="", extension="",
        begin=begin, end=end, chunks=sort_files(chunks),
    )  # fmt: skip


FILES = archive("CTD3", chunk("CTD3_b.txt"), chunk("CTD3_a.txt", is_listed=False), chunk("CTD3_c.txt", "2020-03-01"))
LOCK = make_lock(
    make_entry("files", FILES, archive("CTD3", chunk("CTD3_d.txt", "2021-01-01"), year=2021)),
    make_entry("products", make_request()),
)


def written(place: Path, lock: Lock) -> bool:
    """Writes a lock with its shards."""
    return write_locks(place / "oncsync.lock", place / "data", lock, "oncsync.yaml")


def tree(place: Path) -> dict[str, bytes]:
    """Gives every file below a folder."""
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


# --- Text ------------------------------------------------------------------------------------------------------


def test_the_lock_beside_the_manifest_counts_files_and_bytes() -> None:
    text = render_lock(LOCK, "oncsync.yaml", is_summary=True).decode()
    line = f'- {{"request": "{FILES.id}", "service": "archivefile", "deviceCode": "CTD3", "year": 2020, "files": 3, '
    assert line + '"bytes": 3000}\n' in text
    assert "CTD3_a.txt" not in text
    (summary, _), (product,) = (entry.requests for entry in parse_lock(text.encode()).entries)
    assert (summary.summary, summary.chunks) == ((3, 3000), ())
    assert product == LOCK.entries[1].requests[0]


@steady(40)
@given(LOCKS)
def test_a_summary_and_its_shards_hold_what_the_lock_holds(lock: Lock) -> None:
    """Whatever devices and files are called; shards of one name in two entries are told apart by the entry."""
    lock = without_relative_requests(_distinct(lock))
    shards = {name: parse_lock(render_lock(shard, "oncsync.yaml")) for name, shard in shards_of(lock)}
    summary = parse_lock(render_lock(lock, "oncsync.yaml", is_summary=True))
    whole, faults = with_shards(summary, shards.get)
    assert faults == ()
    assert whole == lock
    assert parse_lock(render_lock(summary, "oncsync.yaml", is_summary=True)) == summary


def _distinct(lock: Lock) -> Lock:
    """Gives entries names of their own, and requests ids of their own, as the resolver does."""
    entries = []
    for number, entry in enumerate(lock.entries):
        requests = tuple(
            msgspec.structs.replace(request, id=f"{number * 100 + position:020x}")
            for position, request in enumerate(entry.requests)
        )
        entries.append(msgspec.structs.replace(entry, name=f"entry-{number}", requests=requests))
    return msgspec.structs.replace(lock, entries=tuple(entries))


@steady(100)
@given(ARCHIVE_REQUESTS)
def test_a_shard_lies_below_its_folder_whatever_a_device_is_called(request: LockedRequest) -> None:
    name = PurePosixPath(shard_name("../../etc", request))
    assert len(name.parts) == 2
    assert not {".", ".."} & set(name.parts)
    assert name.suffix == ".lock"
    assert all(part == part.rstrip(" .") and not set(part) & set('\\/:*?"<>|\x00\n') for part in name.parts)


def test_devices_whose_names_are_alike_have_shards_of_their_own() -> None:
    names = ["CTD3", "ctd3", "CTD/3", "CTD:3", "CTD 3", "CON", "", "..", "É", "CTD3."]
    shards = [shard_name("x", archive(name)).casefold() for name in names]
    assert len(set(shards)) == len(names)
    assert shard_name("x", archive("CTD3", year=7)) == "x/CTD3-0007.lock"


# --- Shards on the disk ----------------------------------------------------------------------------------------


def test_a_lock_and_its_shards_read_back_as_they_were_written(tmp_path: Path) -> None:
    assert written(tmp_path, LOCK)
    assert sorted(tree(tmp_path)) == [
        "oncsync.lock", "oncsync.lock.d/files/CTD3-2020.lock", "oncsync.lock.d/files/CTD3-2021.lock",
    ]  # fmt: skip
    assert read_beside(tmp_path / "oncsync.lock") == LOCK


def test_shards_are_written_only_when_they_change(tmp_path: Path) -> None:
    """A new file of this year touches this year's shard and the summary alone."""
    written(tmp_path, LOCK)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.lock")}
    assert not written(tmp_path, LOCK)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.lock")} == before
    texts = tree(tmp_path)
    more = archive("CTD3", *LOCK.entries[0].requests[1].chunks, chunk("CTD3_e.txt", "2021-02-01"), year=2021)
    assert written(tmp_path, make_lock(make_entry("files", FILES, more), LOCK.entries[1]))
    after = tree(tmp_path)
    assert sorted(name for name in after if after[name] != texts[name]) == [
        "oncsync.lock", "oncsync.lock.d/files/CTD3-2021.lock",
    ]  # fmt: skip


def test_shards_that_the_lock_has_no_more_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    written(tmp_path, LOCK)
    folder = tmp_path / "oncsync.lock.d"
    foreign = [folder / "files" / "mine.lock", folder / "other" / "notes.txt", folder / "files" / "README.md"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("written by a person", encoding="utf-8")
    (folder / "files" / "link.lock").symlink_to(folder / "files" / "CTD3-2020.lock")
    assert written(tmp_path, make_lock(make_entry("files", FILES)))
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert left == {"files/CTD3-2020.lock", "files/mine.lock", "files/README.md", "files/link.lock", "other/notes.txt"}
    for path in (*foreign, folder / "files" / "link.lock"):
        path.unlink()
    assert written(tmp_path, make_lock(LOCK.entries[1]))
    assert not (folder / "files").exists()


@pytest.mark.parametrize("link", ["oncsync.lock.d", "oncsync.lock.d/files"])
def test_no_shard_is_written_or_removed_through_a_link_that_leads_away(tmp_path: Path, link: str) -> None:
    """Rule 7: a repository from elsewhere may hold links."""
    elsewhere = tmp_path / "elsewhere"
    for name in ("files/CTD1-1999.lock", "CTD1-1999.lock"):
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text("# Made by `oncsync resolve` from other.yaml.", encoding="utf-8")
    place = tmp_path / "project" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere)
    before = tree(elsewhere)
    with pytest.raises(InputError, match="is a link that leads away"):
        written(tmp_path / "project", LOCK)
    written(tmp_path / "project", make_lock(LOCK.entries[1]))
    assert tree(elsewhere) == before


def test_a_file_of_somebody_at_the_place_of_a_shard_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "oncsync.lock.d" / "files" / "CTD3-2020.lock"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    with pytest.raises(InputError, match="was not made by oncsync"):
        written(tmp_path, LOCK)
    assert place.read_bytes() == b"mine"


def test_what_a_killed_write_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Nobody wants it in a repository."""
    written(tmp_path, LOCK)
    leftover = tmp_path / "oncsync.lock.d" / "files" / ".CTD3-2020.lock.0123456789ab.part"
    other = leftover.with_name(".mine.part")
    for path in (leftover, other):
        path.write_bytes(b"x")
    written(tmp_path, LOCK)
    assert not leftover.exists()
    assert other.exists()


def test_an_entry_that_is_renamed_in_case_alone_keeps_its_shards(tmp_path: Path) -> None:
    """Where case does not count the old folder and the new one are one, as they are here through a link."""
    written(tmp_path, LOCK)
    folder = tmp_path / "oncsync.lock.d"
    if not (folder / "FILES").exists():
        (folder / "FILES").symlink_to("files")
    renamed = msgspec.structs.replace(LOCK.entries[0], name="FILES")
    lock = msgspec.structs.replace(LOCK, entries=(renamed, *LOCK.entries[1:]))
    written(tmp_path, lock)
    assert read_beside(tmp_path / "oncsync.lock") == lock


def test_a_shard_that_is_missing_or_of_something_else_is_a_fault(tmp_path: Path) -> None:
    """The lock is made anew then; what can be read of it stands meanwhile."""
    written(tmp_path, LOCK)
    path, shard = tmp_path / "oncsync.lock", tmp_path / "oncsync.lock.d" / "files" / "CTD3-2020.lock"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(
        LockError, match=r"`oncsync.lock.d/files/CTD3-2020.lock` does not hold what `oncsync.lock` says"
    ):
        read_beside(path)
    shard.write_bytes(content.replace(FILES.id.encode(), b"0" * 20))
    standing = read_standing(path, tmp_path / "data")
    assert isinstance(standing.fault, LockError)
    assert standing.lock is not None
    assert [len(request.chunks) for request in standing.lock.entries[0].requests] == [0, 1]


def test_of_a_shard_in_which_branches_disagree_one_side_is_read(tmp_path: Path) -> None:
    written(tmp_path, LOCK)
    path, shard = tmp_path / "oncsync.lock", tmp_path / "oncsync.lock.d" / "files" / "CTD3-2020.lock"
    lines = shard.read_text(encoding="utf-8").splitlines(keepends=True)
    ours, theirs = lines[-1], lines[-2]
    shard.write_text(
        "".join([*lines[:-1], "<<<<<<< HEAD\n", ours, "=======\n", theirs, ">>>>>>> other\n"]), encoding="utf-8"
    )
    with pytest.raises(LockError, match=r"`oncsync.lock.d/files/CTD3-2020.lock` is not as `oncsync resolve` writes it"):
        read_beside(path)
    standing = read_standing(path, tmp_path / "data")
    assert standing.fault is not None
    assert standing.lock == LOCK
    assert written(tmp_path, standing.lock)
    assert read_beside(path) == LOCK


def test_a_summary_that_says_more_than_its_shard_is_a_fault(tmp_path: Path) -> None:
    """A shard of another revision than the lock: neither is believed."""
    written(tmp_path, LOCK)
    path = tmp_path / "oncsync.lock"
    path.write_bytes(path.read_bytes().replace(b'"files": 3, "bytes": 3000', b'"files": 4, "bytes": 4000'))
    with pytest.raises(LockError, match="does not hold what"):
        read_beside(path)


@pytest.mark.parametrize("year", ["0", "-1", "10000", "99999999999999999999"])
def test_a_year_that_there_is_not_is_no_lock(tmp_path: Path, year: str) -> None:
    written(tmp_path, LOCK)
    path = tmp_path / "oncsync.lock"
    path.write_bytes(path.read_bytes().replace(b'"year": 2020', f'"year": {year}'.encode()))
    with pytest.raises(LockError, match="is not as `oncsync resolve` writes it"):
        read_beside(path)


def test_a_folder_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "oncsync.lock.d").write_text("a file", encoding="utf-8")
    with pytest.raises(FolderError):
        written(tmp_path, LOCK)


def test_where_shards_lie() -> None:
    assert shards_folder(Path("a/b.lock")) == Path("a/b.lock.d")


# --- What changed ----------------------------------------------------------------------------------------------


def test_archive_files_that_came_went_and_changed_are_counted_with_their_bytes() -> None:
    new = archive(
        "CTD3",
        chunk("CTD3_b.txt", delivered_size=2500, is_rearchived=True),
        chunk("CTD3_a.txt"),
        chunk("CTD3_n.txt", "2020-05-01", delivered_size=70),
    )
    old = make_lock(make_entry("files", FILES))
    (change,) = compare_locks(old, make_lock(make_entry("files", new))).entries
    assert change.files is not None
    assert msgspec.structs.asdict(change.files) == {
        "files": 3, "bytes": 3570, "unlisted": 0, "added": 1, "added_bytes": 70, "removed": 1, "removed_bytes": 1000,
        "changed": 2, "changed_bytes": 3500,
    }  # fmt: skip
    assert (change.change, change.asks_the_same) == ("changed", False)


def test_entries_without_archive_files_say_nothing_of_any() -> None:
    change = compare_locks(None, LOCK)
    assert [entry.files is None for entry in change.entries] == [False, True]
    files = change.entries[0].files
    assert files is not None
    assert (files.files, files.added, files.unlisted) == (4, 4, 1)
    (same, _) = compare_locks(LOCK, LOCK).entries
    assert same.files is not None
    assert (same.change, same.files.added, same.files.files) == ("same", 0, 4)
    removed = compare_locks(LOCK, make_lock(LOCK.entries[1])).entries[-1].files
    assert removed is not None
    assert (removed.removed, removed.removed_bytes) == (4, 4000)
