"""`oncsync show`: where a file comes from, and what happened to a chunk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.faults.staging import ONE_MONTH, answers, runs
from tests.support.world import TOKEN, World


@pytest.fixture
def synced(world: World) -> World:
    """A folder that is in sync."""
    assert world.sync().exit_code == 0
    return world


def first_file(world: World) -> str:
    """Gives the path of the first data file."""
    return next(path for path in world.tree() if path.endswith(".csv"))


def origin(oncsync: Command, subject: str) -> Any:
    """Gives the answer as JSON."""
    return json.loads(oncsync("show", subject, "--json").out)


def test_a_file_says_where_it_comes_from(oncsync: Command, synced: World) -> None:
    """R149 and what a paper needs: place, device, span, product, options, order, sum and citation."""
    path = first_file(synced)
    said = oncsync("show", f"data/{path}")
    assert said.code == 0
    for text in (path, "axis", "BACAX CTD", "SBECTD16p6002", "TSSD csv", "2015-01-01 00:00:00 UTC", "dpo_average=86400",
                 "dpRequestId", "SHA-256", "https://doi.org/"):  # fmt: skip
        assert text in said.out
    assert TOKEN not in said.out
    answer = origin(oncsync, path)
    (chunk,) = (one for one in synced.project()._read_state().chunks.values() if one.files[0].path == path)
    assert chunk.order is not None
    assert answer["version"] == 1
    assert answer["file"]["sha256"] == chunk.files[0].sha256
    assert answer["file"]["presence"] == "here"
    assert answer["order"]["dpRequestId"] == chunk.order.request_id
    assert answer["order"]["runIds"] == list(chunk.order.run_ids)
    assert answer["order"]["options"] == {"dpo_average": "86400", "dpo_resample": "average"}
    assert answer["request"]["doi"]
    assert "locationCode=BACAX" in answer["order"]["queryUrl"]
    assert answer["downloads"] == ["axis"]


def test_every_way_to_name_a_chunk_finds_it(oncsync: Command, synced: World) -> None:
    path = first_file(synced)
    answer = origin(oncsync, path)
    chunk = answer["chunk"]
    absolute = str((synced.folder / path).resolve())
    ids = [str(answer["order"]["dpRequestId"]), str(answer["order"]["runIds"][0])]
    for subject in (chunk, chunk[:8], chunk[:8].upper(), absolute, f"./data/{path}", *ids):
        assert origin(oncsync, subject)["chunk"] == chunk


def test_a_chunk_tells_its_history(oncsync: Command, synced: World) -> None:
    """The log's lines of this chunk alone, the oldest first."""
    chunk = origin(oncsync, first_file(synced))["chunk"]
    log = synced.folder / ".oncsync" / "oncsync.log"
    log.with_name("oncsync.log.1").write_text(
        json.dumps({"at": "2020", "event": "older", "chunk": chunk, "text": "an older part"}) + "\nno JSON\n"
    )
    said = oncsync("show", chunk)
    assert said.out.index("an older part") < said.out.index("ordered (new)") < said.out.rindex("done")
    events = [event["event"] for event in origin(oncsync, chunk)["events"]]
    assert events[0] == "older"
    assert events.count("ordered") == 1
    assert len(origin(oncsync, chunk)["files"]) == 2


def test_a_file_that_is_gone_or_changed_says_so(oncsync: Command, synced: World) -> None:
    path = first_file(synced)
    (synced.folder / path).write_bytes(b"x")
    assert "(another size)" in oncsync("show", path).out
    (synced.folder / path).unlink()
    assert origin(oncsync, path)["file"]["presence"] == "missing"


def test_an_order_that_failed_is_found_by_its_id(oncsync: Command, world: World) -> None:
    """Issue 6, 7: the state forgets it for the next order, and ONC's help desk asks for it. Rotated parts count too."""
    world.write(ONE_MONTH)
    world.sandbox.interfere = answers(
        run=lambda asked: runs((4700 + int(asked["dpRequestId"]), "error", 0), is_over=True)
    )
    assert [oncsync("sync").code for _ in range(2)] == [3, 3]
    (chunk,) = world.project()._read_state().chunks
    events = origin(oncsync, chunk)["events"]
    placed = [event["dpRequestId"] for event in events if event["event"] == "ordered"]
    assert len(set(placed)) == 2
    log = world.folder / ".oncsync" / "oncsync.log"
    log.rename(log.with_name("oncsync.log.1"))
    for number in placed:
        for subject in (number, 4700 + number):
            assert origin(oncsync, str(subject))["chunk"] == chunk
    said = oncsync("show", chunk).out
    assert f"none any more, the last one was dpRequestId {placed[1]}, dpRunId {4700 + placed[1]}" in said
    assert f"(dpRequestId {placed[0]})\n" in said, "the first order's first line names it"
    assert oncsync("show", str(placed[0])[:-1]).code == 2, "half an id is another's"


def test_what_the_lock_no_longer_wants_is_still_known(oncsync: Command, synced: World) -> None:
    path = first_file(synced)
    synced.project().lock_path.unlink()
    said = oncsync("show", path)
    assert said.code == 0
    assert "the lock does not ask for it any more" in said.out


def test_the_unknown_gets_near_matches(oncsync: Command, synced: World) -> None:
    path = first_file(synced)
    said = oncsync("show", Path(path).name.replace("Axis", "Axes"))
    assert (said.code, said.out) == (2, "")
    assert f"`{path}`" in said.err
    assert oncsync("show", "nonsense").code == 2
    assert oncsync("show", "../../etc/passwd").code == 2


def test_a_chunk_that_nothing_happened_to_says_so(oncsync: Command, synced: World) -> None:
    synced.write(synced.manifest.read_text().partition("downloads:\n")[2].replace("2015-04-01", "2015-05-01"))
    lock = synced.project().resolve().lock
    new = [chunk.id for _, _, chunk in lock.chunks()][-1]
    said = oncsync("show", new)
    assert said.code == 2
    assert "Nothing has happened" in said.err


def test_an_id_of_several_chunks_names_them(oncsync: Command, synced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.caretaking.origins.SHORTEST_ID", 0)
    said = oncsync("show", "")
    assert said.code == 2
    assert "Several chunks" in said.err
