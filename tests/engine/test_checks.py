"""Hashing again finds what changed, all of it and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.checks import OurFile, Sample, check_files, extra_files
from oncsync.state import ChunkState, State
from tests.support.records import at, make_file, steady


def lay(folder: Path, number: int) -> list[OurFile]:
    """Lays files of ours into a folder."""
    ours = []
    for position in range(number):
        content = f"file {position}".encode() * 40
        path = f"{position % 7}/{position:04}.csv"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        ours.append(OurFile("c", make_file(path, run_id=position, path=path, content=content)))
    return sorted(ours, key=lambda one: one.file.path)


def flip(path: Path, draw: random.Random) -> None:
    """Changes one bit of a file."""
    content = bytearray(path.read_bytes())
    bit = draw.randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damaged", [0, 1, 17])
def test_every_flipped_bit_is_found(tmp_path: Path, damaged: int) -> None:
    """F14: k of k in 1,000 files, in the order of the paths; a tenth of them finds some, and only real ones."""
    ours, draw = lay(tmp_path, 1000), random.Random(damaged)
    chosen = sorted(one.file.path for one in draw.sample(ours, damaged))
    for path in chosen:
        flip(tmp_path / path, draw)
    found = check_files(tmp_path, ours)
    assert [one.path for one in found] == chosen
    assert {one.kind for one in found} <= {"changed"}
    sample = Sample(10, 100, seed=damaged).choose(ours)
    assert len(sample) == 100
    sampled = check_files(tmp_path, ours, lambda one: one.file.path in sample)
    assert [one.path for one in sampled] == [path for path in chosen if path in sample]


def test_the_bytes_that_were_read_are_told(tmp_path: Path) -> None:
    ours, heard = lay(tmp_path, 20), list[int]()
    check_files(tmp_path, ours, on_bytes=heard.append)
    assert sum(heard) == sum(one.file.bytes for one in ours)


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    """Ctrl-C does not wait for the files that are left."""
    ours, heard = lay(tmp_path, 200), list[int]()

    def interrupt(number: int) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_files(tmp_path, ours, on_bytes=interrupt)
    assert len(heard) < len(ours)


@given(number=st.integers(1, 200), of=st.integers(1, 50))
@steady(30)
def test_fixed_parts_hold_every_file_once(number: int, of: int) -> None:
    ours = [OurFile("c", make_file(f"{position}.csv")) for position in range(number)]
    parts = [Sample(part, of).choose(ours) for part in range(1, of + 1)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == number
    assert parts == [Sample(part, of).choose(list(reversed(ours))) for part in range(1, of + 1)]


def test_strangers_are_listed_whatever_their_names(tmp_path: Path) -> None:
    """Links to folders are not followed, our own place is passed over."""
    ours = lay(tmp_path / "data", 3)
    state = State(chunks={"c": ChunkState(product="p", begin=at("2017-01-01"), end=at("2017-02-01"),
                                          files=tuple(one.file for one in ours))})  # fmt: skip
    folder = tmp_path / "data"
    (folder / ".oncsync").mkdir()
    (folder / ".oncsync" / "state.json").touch()
    (folder / "sub" / ".oncsync").mkdir(parents=True)
    (folder / "sub" / ".oncsync" / "mine").touch()
    (folder / "a\nb").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").touch()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "dead").symlink_to(tmp_path / "nowhere")
    assert extra_files(folder, state) == ["a\nb", "dead", "sub/.oncsync/mine"]
    assert extra_files(folder, state, [folder / "a\nb"]) == ["dead", "sub/.oncsync/mine"]
