"""The final names: given by the lock alone, whatever the order in which files came, and reached by renames alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.engine.placement import WantedChunk
from oncsync.lockfile import Lock
from oncsync.naming import fold
from oncsync.state import Moved
from tests.engine.bench import NOW, Bench, Killed, death_before
from tests.support.records import make_entry, make_lock, make_request, steady, wanted

QUARTER = make_request("2017-01-01", "2017-04-01")
ONE, TWO, THREE = wanted(make_lock(make_entry("a", QUARTER)))
PLACE = "BACAX/CTD/TSSD_csv/2017"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "data")


def marked(one: WantedChunk, name: str = "CTD", suffix: str = ".csv") -> str:
    return f"{PLACE}/{name}~{one.chunk.id}{suffix}"


def place(bench: Bench, one: WantedChunk, path: str) -> None:
    """Moves a chunk's file to some path, as an earlier lock may have wanted it."""
    (file,) = bench.state(one).files
    target = bench.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    (bench.folder / file.path).replace(target)
    bench.store.record(Moved(at=NOW, chunk=one.chunk.id, run_id=file.run_id, index=file.index, path=path))
    bench.restart()


# --- Names that collide --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_of_files_that_collide_the_first_in_the_lock_has_the_plain_name(bench: Bench, seed: int) -> None:
    """Rule 8: whatever came first."""
    order = random.Random(seed).sample([ONE, TWO, THREE], 3)
    for number, one in enumerate(order, start=1):
        bench.bring(one, ("CTD.csv", one.chunk.id.encode()), run_id=number)
    bench.settle(ONE, TWO, THREE)
    assert bench.tree() == {
        f"{PLACE}/CTD.csv": ONE.chunk.id.encode(),
        marked(TWO): TWO.chunk.id.encode(),
        marked(THREE): THREE.chunk.id.encode(),
    }
    assert bench.settle(ONE, TWO, THREE) == 0
    bench.restart()
    assert [bench.paths(one) for one in (ONE, TWO, THREE)] == [[f"{PLACE}/CTD.csv"], [marked(TWO)], [marked(THREE)]]


def test_names_that_are_settled_stay(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"1"))
    bench.bring(TWO, ("b.csv", b"2"), run_id=2)
    assert bench.settle(ONE, TWO, THREE) == 0
    assert bench.warnings == []


def test_a_plain_name_that_is_free_again_is_taken_by_the_next(bench: Bench) -> None:
    """The first chunk is not wanted any more and its file is gone."""
    bench.bring(ONE, ("CTD.csv", b"1"))
    bench.bring(TWO, ("CTD.csv", b"2"), run_id=2)
    bench.bring(ONE, ("other.csv", b"new"), run_id=3)
    assert bench.settle(ONE, TWO) == 1
    assert bench.tree() == {f"{PLACE}/CTD.csv": b"2", f"{PLACE}/other.csv": b"new"}


def test_files_of_chunks_that_are_not_asked_about_keep_their_names(bench: Bench) -> None:
    """`--only`, and history: what is not wanted now is ours all the same, and is not pushed aside."""
    bench.bring(TWO, ("CTD.csv", b"2"))
    bench.bring(ONE, ("CTD.csv", b"1"), run_id=2)
    assert (bench.settle(ONE), bench.warnings) == (0, [])
    assert bench.tree() == {f"{PLACE}/CTD.csv": b"2", marked(ONE): b"1"}
    assert bench.settle(ONE, TWO) == 2
    assert bench.tree() == {f"{PLACE}/CTD.csv": b"1", marked(TWO): b"2"}


# --- Another place -------------------------------------------------------------------------------------------------


def at_path(template: str, **more: str) -> tuple[WantedChunk, ...]:
    return tuple(wanted(make_lock(make_entry("a", QUARTER, path=template), *(make_entry(key) for key in more))))


def test_another_path_moves_what_is_ours_and_leaves_no_empty_folder(bench: Bench) -> None:
    """Architecture: it never orders them again."""
    bench.bring(ONE, ("a.csv", b"1"), ("b.csv", b"2"))
    bench.write(f"{PLACE}/notes.txt", b"mine")
    moved = at_path("{year}/{month}")
    assert bench.settle(*moved) == 2
    assert bench.tree() == {"2017/01/a.csv": b"1", "2017/01/b.csv": b"2", f"{PLACE}/notes.txt": b"mine"}
    (bench.folder / PLACE / "notes.txt").unlink()
    assert bench.settle(ONE, TWO, THREE) == 2
    assert sorted(path.name for path in bench.folder.iterdir()) == [".oncsync", "BACAX"]


def test_a_name_that_changes_its_case_alone_is_moved(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"1"))
    lower = wanted(make_lock(make_entry("a", QUARTER, path="bacax/CTD/TSSD_csv/{year}")))
    assert bench.settle(*lower) == 1
    assert [path.lower() for path in bench.tree()] == [f"{PLACE}/a.csv".lower()]
    assert bench.paths(ONE) == ["bacax/CTD/TSSD_csv/2017/a.csv"]


def test_two_files_that_want_each_others_place_get_it_at_once(bench: Bench) -> None:
    one, two, _ = at_path("{month}")
    bench.bring(one, ("a.csv", b"1"))
    bench.bring(two, ("a.csv", b"2"), run_id=2)
    place(bench, one, "x/a.csv")
    place(bench, two, "01/a.csv")
    place(bench, one, "02/a.csv")
    assert bench.settle(one, two) == 2
    assert bench.tree() == {"01/a.csv": b"1", "02/a.csv": b"2"}
    assert (bench.paths(one), bench.paths(two)) == (["01/a.csv"], ["02/a.csv"])


def test_a_file_that_is_not_there_only_changes_its_path(bench: Bench) -> None:
    """It will be fetched to its new place; until then its name is kept for it."""
    bench.bring(ONE, ("a.csv", b"1"))
    (bench.folder / PLACE / "a.csv").unlink()
    assert bench.settle(*at_path("{month}")) == 0
    assert bench.paths(ONE) == ["01/a.csv"]


# --- Files that are not ours, or not as they were ------------------------------------------------------------------


def test_a_file_that_is_not_ours_keeps_its_name(bench: Bench) -> None:
    """Rule 1: ours lies beside it with a mark, and does not move again."""
    moved = at_path("{month}")
    bench.bring(ONE, ("a.csv", b"1"))
    bench.write("01/a.csv", b"mine")
    assert bench.settle(*moved) == 1
    assert bench.tree() == {"01/a.csv": b"mine", f"01/a~{ONE.chunk.id}.csv": b"1"}
    assert bench.settle(*moved) == 0


def test_a_file_that_someone_changed_stays_where_it_is(bench: Bench) -> None:
    bench.bring(ONE, ("a.csv", b"1"), ("b.csv", b"2"))
    bench.write(f"{PLACE}/a.csv", b"1, and my own columns")
    assert bench.settle(*at_path("{month}")) == 1
    assert bench.tree() == {f"{PLACE}/a.csv": b"1, and my own columns", "01/b.csv": b"2"}


def test_a_changed_file_is_not_pushed_out_of_its_name(bench: Bench) -> None:
    bench.bring(TWO, ("CTD.csv", b"2"))
    bench.bring(ONE, ("CTD.csv", b"1"), run_id=2)
    bench.write(f"{PLACE}/CTD.csv", b"2, and my own columns")
    assert (bench.settle(ONE, TWO), bench.warnings) == (0, [])
    assert bench.tree() == {f"{PLACE}/CTD.csv": b"2, and my own columns", marked(ONE): b"1"}


def test_a_name_taken_while_files_move_stops_that_file_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of someone else comes after the names were chosen: that one stays, and it is said."""
    one, two, _ = at_path("{month}")
    bench.bring(ONE, ("a.csv", b"1"))
    bench.bring(TWO, ("a.csv", b"2"), run_id=2)
    real = bench.shelves._plan_moves

    def plan_then_intrude(chunks: object) -> object:
        moves = real(chunks)  # type: ignore[arg-type]
        bench.write("01/a.csv", b"mine")
        return moves

    monkeypatch.setattr(bench.shelves, "_plan_moves", plan_then_intrude)
    assert bench.settle(one, two) == 1
    assert bench.tree() == {"01/a.csv": b"mine", f"{PLACE}/a.csv": b"1", "02/a.csv": b"2"}
    assert len(bench.warnings) == 1


# --- Whatever the names, and whenever it dies ----------------------------------------------------------------------

NAMES = st.sampled_from(["CTD.csv", "ctd.csv", "a.csv", "", f"CTD~{TWO.chunk.id}.csv", f"CTD~{ONE.chunk.id}.csv"])


@steady(60)
@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), NAMES), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
    st.sets(NAMES.filter(bool), max_size=2),
)
def test_final_names_are_the_same_whatever_came_first(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[int, str]],
    chance: random.Random,
    foreign: set[str],
) -> None:
    """Rules 1 and 8: two runs in which files arrive in another order end with the same folder."""
    arriving = [(month, str(1 + sum(m == month for m, _ in files[:n])), name) for n, (month, name) in enumerate(files)]
    trees = []
    for turn in (arriving, chance.sample(arriving, len(arriving))):
        bench = Bench(tmp_path_factory.mktemp("settle"))
        for name in foreign:
            bench.write(f"{PLACE}/{name}", b"mine")
        used = {month for month, _, _ in turn}
        chunks = [one for number, one in enumerate((ONE, TWO, THREE)) if number in used]
        for number in used:
            bench.order((ONE, TWO, THREE)[number], number + 1)
        for month, index, name in turn:
            bench.arrive((ONE, TWO, THREE)[month], name, f"{month} {index}".encode(), run_id=month + 1, index=index)
        for one in chunks:
            bench.finish(one)
        bench.settle(ONE, TWO, THREE)
        tree = bench.tree()
        assert all(tree[f"{PLACE}/{name}"] == b"mine" for name in foreign)
        assert sorted(set(tree.values()) - {b"mine"}) == sorted(f"{m} {i}".encode() for m, i, _ in turn)
        assert len({fold(path) for path in tree}) >= len(turn)
        assert bench.settle(ONE, TWO, THREE) == 0
        trees.append(tree)
    assert trees[0] == trees[1]


def circle(bench: Bench) -> tuple[WantedChunk, ...]:
    """Puts three files each into the next one's place."""
    chunks = at_path("{month}")
    for number, one in enumerate(chunks, start=1):
        bench.bring(one, ("a.csv", f"{number}".encode()), run_id=number)
    for number, one in enumerate(chunks, start=1):
        place(bench, one, f"x/{number}")
    for number, one in enumerate(chunks, start=1):
        place(bench, one, f"0{number % 3 + 1}/a.csv")
    return chunks


def test_a_circle_of_files_is_undone(bench: Bench) -> None:
    chunks = circle(bench)
    assert bench.settle(*chunks) == 3
    assert bench.tree() == {"01/a.csv": b"1", "02/a.csv": b"2", "03/a.csv": b"3"}
    assert (bench.partials(), bench.warnings) == ([], [])


@pytest.mark.parametrize("with_intruder", [False, True])
def test_a_kill_before_any_step_of_settling_loses_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_intruder: bool
) -> None:
    """R110: wherever it comes, every byte is still there, and the next run gives the final names."""
    for step in range(60):
        bench = Bench(tmp_path / f"{step}")
        chunks = circle(bench)
        with death_before(step, monkeypatch):
            try:
                bench.settle(*chunks)
            except Killed:
                killed = True
            else:
                killed = False
        bench.restart()
        assert sorted([*bench.tree().values(), *(path.read_bytes() for path in bench.shelves.partial.iterdir())])[
            -3:
        ] >= [b"1", b"2", b"3"]
        if with_intruder and killed and not (bench.folder / "01/a.csv").exists():
            bench.write("01/a.csv", b"mine")
        bench.shelves.recover()
        bench.settle(*chunks)
        tree = bench.tree()
        if b"mine" in tree.values():
            assert tree["01/a.csv"] == b"mine"
            assert sorted(tree.values()) == [b"1", b"2", b"3", b"mine"]
        else:
            assert tree == {"01/a.csv": b"1", "02/a.csv": b"2", "03/a.csv": b"3"}, step
        assert bench.partials() == []
        assert bench.settle(*chunks) == 0
        if not killed:
            assert step > 9
            return
    pytest.fail("it never came to its end")


def test_a_lock_without_chunks_settles_nothing(bench: Bench) -> None:
    empty: Lock = make_lock()
    assert bench.settle(*wanted(empty)) == 0
