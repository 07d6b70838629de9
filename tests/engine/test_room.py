"""The room on the disk: what `minFree` keeps, and what the transfers under way will still take."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from oncsync.engine.room import UNLIMITED, Room, Share
from oncsync.errors import FolderError

FOLDER = Path("data")


class Disk:
    """A disk of 1,000 bytes."""

    def __init__(self) -> None:
        self.free = 1000

    def room(self, kept: int = 400) -> Room:
        """Gives the room on it that is not kept."""
        return Room(FOLDER, kept, lambda place: self.free)


def test_what_is_to_come_is_counted_until_it_is_there_or_given_back() -> None:
    disk = Disk()
    room = disk.room()
    assert room.take(500)
    assert not room.take(101)
    assert room.take(100)
    assert not room.take(1)
    room.give_back(100)
    assert room.take(100)


def test_the_first_lack_is_the_one_that_is_told() -> None:
    room = Disk().room()
    assert not room.take(700)
    assert not room.take(900)
    assert room.lack is not None
    assert room.lack.message.endswith("`minFree` keeps 400 B, and 700 B are to come")
    assert room.take(600), "a smaller file fits"


def test_a_share_is_all_that_was_announced_from_the_first_block_on() -> None:
    disk = Disk()
    room = disk.room()
    with Share(room, 500) as share:
        assert share.covers(100)
        assert not room.take(200)
        disk.free -= 100
        share.wrote(100)
        assert share.covers(400)
        assert room.take(100)
        room.give_back(100)
    assert room.take(500), "what was not written is free again"


@pytest.mark.parametrize("announced", [None, 50])
def test_a_body_longer_than_announced_asks_for_each_block(announced: int | None) -> None:
    disk = Disk()
    with Share(disk.room(), announced) as share:
        for _ in range(6):
            assert share.covers(100)
            disk.free -= 100
            share.wrote(100)
        assert not share.covers(100)
    assert disk.free == 400


def test_without_a_limit_nobody_looks() -> None:
    with Share(UNLIMITED, 10**18) as share:
        assert share.covers(10**18)


def test_a_disk_that_does_not_say_is_told() -> None:
    def free(place: Path) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    with pytest.raises(FolderError, match="stale file handle"):
        Room(FOLDER, 1, free).take()
