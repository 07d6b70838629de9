"""The lock beside the manifest and the one in the folder, as one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.engine.folder import OWN_FOLDER
from oncsync.errors import InputError
from oncsync.lockfile import Lock, LockedRequest, LockEntry, LockError, read_lock, write_lock
from oncsync.lockfile import digest as named
from oncsync.locking import RELATIVE_LOCK, is_current, read_locks, without_relative_requests, write_locks
from oncsync.manifest import Manifest, entry_digest
from tests.manifest.support import load_text
from tests.resolver.making import at

SERVER = "sandbox"


def request(name: str) -> LockedRequest:
    """Gives a request of its own."""
    return LockedRequest(
        id=named(name),
        source={"deviceCode": name},
        data_product_code="TSSD",
        extension="csv",
        begin=at("2020-01-01"),
        end=at("2020-02-01"),
    )


def entry(name: str, *, moves: bool = False, kind: str = "download", digest: str = "") -> LockEntry:
    """Gives an entry with one request."""
    return msgspec.convert(
        {
            "kind": kind,
            "name": name,
            "digest": named(digest or name),
            "relative": "-P1D/now" if moves else None,
            "requests": (request(name),),
        },
        LockEntry,
    )


def lock_of(*entries: LockEntry, server: str = SERVER) -> Lock:
    """Gives a lock."""
    return Lock(server=server, entries=entries)


class Place:
    """A manifest's lock and its folder."""

    def __init__(self, root: Path) -> None:
        self.path = root / "oncsync.lock"
        self.folder = root / "data"
        self.own = self.folder / OWN_FOLDER / RELATIVE_LOCK

    def write(self, lock: Lock) -> bool:
        """Writes both locks."""
        return write_locks(self.path, self.folder, lock, "oncsync.yaml")

    def read(self) -> Lock | None:
        """Reads both locks as one."""
        return read_locks(self.path, self.folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty place."""
    return Place(tmp_path)


def test_there_is_no_lock_before_one_is_written(place: Place) -> None:
    assert place.read() is None
    write_lock(place.own, lock_of(entry("a", moves=True)), "oncsync.yaml")
    assert place.read() is None, "the folder's own part is nothing by itself"


def test_what_moves_lies_in_the_folder_and_the_rest_beside_the_manifest(place: Place) -> None:
    fixed, moving = entry("fixed"), entry("moving", moves=True)
    assert place.write(lock_of(fixed, moving))
    assert read_lock(place.path) == lock_of(fixed, msgspec.structs.replace(moving, requests=()))
    assert read_lock(place.own) == lock_of(moving)


def test_without_anything_that_moves_the_folder_is_left_alone(place: Place) -> None:
    """Resolving makes no folder where none is needed."""
    place.write(lock_of(entry("a"), entry("b")))
    assert not place.folder.exists()


kinds = st.sampled_from(["download", "row"])
entries = st.lists(
    st.builds(
        lambda name, moves, kind: entry(name, moves=moves, kind=kind), st.sampled_from("abcdef"), st.booleans(), kinds
    ),
    max_size=6,
    unique_by=lambda one: one.key,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(entries, entries)
def test_what_was_written_last_is_read_as_one_lock(
    tmp_path_factory: pytest.TempPathFactory, first: list[LockEntry], second: list[LockEntry]
) -> None:
    place = Place(tmp_path_factory.mktemp("place"))
    for lock in (lock_of(*first), lock_of(*second)):
        place.write(lock)
        assert place.read() == lock
        assert not place.write(lock), "the second time nothing has changed"


def test_a_download_and_a_row_of_one_name_are_not_mixed_up(place: Place) -> None:
    lock = lock_of(entry("x", moves=True, digest="1"), entry("x", moves=True, kind="row", digest="2"))
    place.write(lock)
    assert place.read() == lock


def test_each_lock_is_written_only_when_it_changed(place: Place) -> None:
    fixed, moving = entry("fixed"), entry("moving", moves=True)
    place.write(lock_of(fixed, moving))
    for path in (place.path, place.own):
        os.utime(path, ns=(5, 5))
    later = msgspec.structs.replace(moving, requests=(request("later"),))
    assert not place.write(lock_of(fixed, later)), "the one beside the manifest stays"
    assert place.path.stat().st_mtime_ns == 5
    assert place.own.stat().st_mtime_ns != 5
    os.utime(place.own, ns=(5, 5))
    assert place.write(lock_of(entry("another"), later))
    assert place.own.stat().st_mtime_ns == 5


def test_lines_of_another_meaning_in_the_folder_are_not_taken(place: Place) -> None:
    """The manifest came from git with a new meaning; this machine has not resolved it yet."""
    place.write(lock_of(entry("moving", moves=True, digest="old")))
    new = msgspec.structs.replace(entry("moving", moves=True, digest="new"), requests=())
    write_lock(place.path, lock_of(new), "oncsync.yaml")
    assert place.read() == lock_of(new)


def test_lines_of_another_server_in_the_folder_are_not_taken(place: Place) -> None:
    moving = entry("moving", moves=True)
    place.write(lock_of(moving, server="production"))
    bare = msgspec.structs.replace(moving, requests=())
    write_lock(place.path, lock_of(bare), "oncsync.yaml")
    assert place.read() == lock_of(bare)


def test_an_entry_that_no_longer_moves_is_read_from_beside_the_manifest(place: Place) -> None:
    place.write(lock_of(entry("a", moves=True, digest="d")))
    pinned = entry("a", digest="d")
    write_lock(place.path, lock_of(pinned), "oncsync.yaml")
    assert place.read() == lock_of(pinned)


@pytest.mark.parametrize("which", ["path", "own"])
def test_a_broken_lock_is_named(place: Place, which: str) -> None:
    place.write(lock_of(entry("a", moves=True)))
    path: Path = getattr(place, which)
    path.write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(LockError) as caught:
        place.read()
    assert f"`{path.name}`" in caught.value.message


def test_what_git_carries_holds_every_entry(place: Place) -> None:
    lock = lock_of(entry("a"), entry("b", moves=True))
    bare = without_relative_requests(lock)
    assert [(one.name, one.digest, len(one.requests)) for one in bare.entries] == [
        ("a", named("a"), 1), ("b", named("b"), 0)
    ]  # fmt: skip


# --- Whether a lock is current ---------------------------------------------------------------------------------


TEXT = """server: sandbox
downloads:
  - {name: a, deviceCode: X, extension: csv, begin: 2020-01-01, end: 2020-02-01}
  - {name: b, deviceCode: Y, extension: csv, begin: 2020-01-01, end: 2020-02-01}
requests:
  - {name: a, deviceCode: X, dataProductCode: TSSD, extension: csv, begin: 2020-01-01, end: 2020-02-01}
"""


def made_from(name: str, kind: str, digest: str) -> LockEntry:
    """Gives an entry with the digest of its meaning."""
    return msgspec.structs.replace(entry(name, kind=kind), digest=digest)


def meant(manifest: Manifest) -> Lock:
    """Gives a lock that was made from a manifest."""
    downloads = [made_from(one.name, "download", entry_digest(one, manifest.settings)) for one in manifest.downloads]
    rows = [made_from(one.name, "row", entry_digest(one, manifest.settings)) for one in manifest.requests]
    return lock_of(*downloads, *rows, server=manifest.server)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (("", ""), True),
        (("server: sandbox\n", "# a comment\nserver: sandbox\n"), True),
        (("{name: a, deviceCode: X, extension: csv,", "{extension: csv, name: a, deviceCode: X,"), True),
        (("deviceCode: Y", "deviceCode: Z"), False),
        (("name: b", "name: c"), False),
        (("  - {name: b, deviceCode: Y, extension: csv, begin: 2020-01-01, end: 2020-02-01}\n", ""), False),
        (("server: sandbox", "server: qa"), False),
        (("dataProductCode: TSSD", "dataProductCode: TSSP"), False),
        (("server: sandbox\n", "server: sandbox\nsettings: {splitDateRange: day}\n"), False),
        (("server: sandbox\n", "server: sandbox\nsettings: {runThreads: 2}\n"), True),
    ],
)
def test_a_lock_is_current_while_every_entry_means_the_same(change: tuple[str, str], is_same: bool) -> None:
    """Comments, the order of keys and settings of the machine are no change; what would be fetched is."""
    old, new = change
    assert old in TEXT
    assert is_current(meant(load_text(TEXT)), load_text(TEXT.replace(old, new, 1))) is is_same


# --- A lock that is a link, and what a killed writer left -----------------------------------------------------------


def test_a_lock_that_is_a_link_stays_one_and_is_read_and_written_where_it_leads(tmp_path: Path) -> None:
    here, there = Place(tmp_path / "here"), Place(tmp_path / "there")
    there.write(lock_of(entry("a")))
    here.path.parent.mkdir()
    here.path.symlink_to("../there/oncsync.lock")
    assert here.read() == there.read()
    here.write(lock_of(entry("b")))
    assert here.path.is_symlink()
    assert there.read() == lock_of(entry("b"))


@pytest.mark.parametrize(("content", "words"), [(None, "which is not there"), (b"x=1\n", "was not made by oncsync")])
def test_a_link_that_leads_to_no_lock_is_refused_before_anything_is_asked(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """Rule 7: a repository from elsewhere may hold links; and a disk that is not mounted is no missing lock."""
    place = Place(tmp_path / "project")
    place.path.parent.mkdir()
    target = tmp_path / "elsewhere"
    place.path.symlink_to(target)
    if content is not None:
        target.write_bytes(content)
    for use in (place.read, lambda: place.write(lock_of(entry("a")))):
        with pytest.raises(InputError, match=words) as caught:
            use()
        assert str(target) in caught.value.message
    assert place.path.is_symlink()
    assert (target.read_bytes() if target.exists() else None) == content


def test_what_a_killed_writer_left_beside_the_lock_goes_with_the_next_write(tmp_path: Path) -> None:
    """Git would show it; it is removed even where the lock itself does not change."""
    place = Place(tmp_path)
    place.write(lock_of(entry("a", moves=True)))
    left = [tmp_path / ".oncsync.lock.0123456789ab.part", place.folder / ".oncsync/.relative.lock.0123456789ab.part"]
    for path in left:
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    place.write(lock_of(entry("a", moves=True)))
    assert [path for path in left if path.exists()] == []
