"""The stage for the contract's open questions: a whole sync, with any answer byte for byte in the service's place.

The manifest has two chunks. January is always answered by the sandbox; February is the chunk that a test plays, as
the run `PLAYED`. So every play also shows that a strange answer about one chunk costs the other nothing.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from oncsync.api import Session, Timeouts
from oncsync.errors import OncsyncError
from oncsync.sandbox import Sandbox
from oncsync.state import ChunkState
from tests.faults.staging import NO_METADATA, Recorder, chunks_of, sync
from tests.support.scripted import Asked, Reply, ScriptedService
from tests.support.world import CTD_CSV, TOKEN, World

PLAYED = 56070469
"""The id of the run that stands for February."""
TWO_MONTHS = CTD_CSV.replace("2015-04-01", "2015-03-01")
BODY = bytes(range(256)) * 12
NO_FILE = Reply.of_json({"errors": []}, 404)
WORKING = Reply.of_json({"status": "running", "message": "Running"}, 202)
TRIES = 4
"""How often one file or call is tried in one sync, by the pace of these tests."""
MOST_QUESTIONS = 80
"""More than any sync of two chunks needs, whatever it is answered."""

FILES = {str(index): Reply.of_file(f"file {index}\n".encode(), f"{index}.csv") for index in range(1, 7)}
"""Some files by index."""

Answerer = Callable[[Asked], Reply | None]
Play = Reply | Sequence[Reply] | Answerer
"""One answer for ever, answers in turn with the last one for ever, or a function; None leaves it to the sandbox."""


def cases(table: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Makes one case of each entry of a table, named by its key."""
    return pytest.mark.parametrize("answer", table.values(), ids=table)


def some(count: int) -> dict[str, Play]:
    """Gives the first of `FILES`."""
    return {index: FILES[index] for index in list(FILES)[:count]}


def names(count: int) -> dict[str, bytes]:
    """Gives the first of `FILES` by name, as they lie in the folder."""
    return {f"{index}.csv": FILES[index].body for index in list(FILES)[:count]}


def answerer(play: Play) -> Answerer:
    """Gives a play as a function."""
    if isinstance(play, Reply):
        return lambda asked: play
    if callable(play):
        return play
    left = list(play)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def a_run(count: int | str | None = 1, state: str = "complete", status: int = 200, **more: Any) -> Reply:
    """Gives the answer of `run` for February; `more` are members that replace or join those."""
    row = {"dpRunId": PLAYED, "status": state, "fileCount": count} | more
    return Reply.of_json([{name: value for name, value in row.items() if value != "missing"}], status)


class Ended(NamedTuple):
    """How one sync ended for February; `indexes` are the files asked for, `orders` the orders placed, in it."""

    exit_code: int
    chunk: ChunkState | None
    indexes: list[str]
    orders: int
    said: str

    @property
    def outcome(self) -> str | None:
        """The outcome of February."""
        return self.chunk.outcome if self.chunk else None

    @property
    def reason(self) -> str:
        """The reason for it, in the service's words."""
        return (self.chunk.reason if self.chunk else None) or ""


class Stage(World):
    """A world whose service answers byte for byte what is played, and as the sandbox does where nothing is."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        self._plays: dict[str, Answerer] = {}
        self._orders: set[str] = set()
        self.dress: Callable[[Reply], Reply] = lambda reply: reply
        """Changes every answer at last, whoever gave it."""
        self.wire = ScriptedService(self._answer)
        super().__init__(directory, sandbox, TWO_MONTHS, NO_METADATA)
        self.mine = self.folder / "BACAX" / "mine.csv"
        self.mine.parent.mkdir(parents=True)
        self.mine.write_bytes(b"a file of someone else\n")

    def write(self, downloads: str, settings: str = "") -> None:
        """Writes a manifest that names the stage."""
        super().write(downloads, settings)
        text = self.manifest.read_text(encoding="utf-8")
        self.manifest.write_text(text.replace(self.sandbox.url, self.wire.url), encoding="utf-8")

    # --- What is played ----------------------------------------------------------------------------------------

    def play(self, **services: Play) -> None:
        """Plays answers for services by the last part of their path; of the delivery services only for February."""
        self._plays = {name: answerer(play) for name, play in services.items()}

    def deliver(self, files: Mapping[str, Play], count: Any = 1, *, absent: Play = NO_FILE, **services: Play) -> None:
        """Plays a run that is complete with `count` files, its files by index, and `absent` for every other index."""
        by_index = {index: answerer(play) for index, play in files.items()}
        beyond = answerer(absent)

        def download(asked: Asked) -> Reply | None:
            return by_index.get(asked.query["index"], beyond)(asked)

        plays: dict[str, Play] = {"run": a_run(count), "download": download, **services}
        self.play(**plays)

    def _answer(self, asked: Asked) -> Reply:
        service = asked.path.rpartition("/")[2]
        play = self._plays.get(service)
        if play and ("dataProductDelivery" not in asked.path or self._is_february(asked)):
            reply = play(asked)
            if reply is not None:
                return self.dress(self._noted(asked, reply))
        return self.dress(self._noted(asked, self._by_sandbox(asked)))

    def _by_sandbox(self, asked: Asked) -> Reply:
        reply = self.sandbox.answer(asked.method, asked.target)
        headers = {"Content-Type": reply.media_type, **dict(reply.headers)}
        return Reply(reply.status, b"".join(reply.content.blocks()), headers)

    def _noted(self, asked: Asked, reply: Reply) -> Reply:
        """Remembers which orders are February's."""
        if asked.path.endswith("/request") and self._is_february(asked) and reply.status == 200:
            try:
                body = json.loads(reply.body)
            except ValueError:
                return reply
            if isinstance(body, dict) and "dpRequestId" in body:
                self._orders.add(str(body["dpRequestId"]))
        return reply

    def _is_february(self, asked: Asked) -> bool:
        query = asked.query
        return (
            query.get("dpRunId") in (str(PLAYED), str(PLAYED + 1))
            or query.get("dpRequestId") in self._orders
            or query.get("dateFrom", "").startswith("2015-02-01")
        )

    # --- What comes of it --------------------------------------------------------------------------------------

    def sync_once(self, **flags: Any) -> Ended:
        """Syncs, and checks what holds whatever is answered: bounded, quiet about the token, nobody's file touched."""
        before = len(self.wire.asked)
        held = {path: body for path, body in self.tree().items() if path != self._name(self.mine)}
        recorder = Recorder()
        try:
            result = sync(self, watcher=recorder, **flags)
            exit_code, said = result.exit_code, ""
            assert TOKEN not in repr(result)
        except OncsyncError as error:
            exit_code, said = error.exit_code, "".join(traceback.format_exception(error)) + error.render()
        said += "\n".join(notice.text for notice in recorder.notices)
        asked = self.wire.asked[before:]
        assert len(asked) < MOST_QUESTIONS
        assert self.mine.read_bytes() == b"a file of someone else\n"
        assert {path: self.tree().get(path) for path in held} == held
        assert TOKEN not in said
        assert files_that_hold(TOKEN, self.directory, Path(os.environ["HOME"])) == []
        partials = self.folder / ".oncsync" / "partial"
        assert not partials.exists() or not list(partials.iterdir())
        february = [one for one in asked if self._is_february(one)]
        return Ended(
            exit_code,
            self.february(),
            sorted(one.query["index"] for one in february if one.path.endswith("/download")),
            sum(one.path.endswith("/request") for one in february),
            said,
        )

    def february(self) -> ChunkState | None:
        """Gives what the state on disk says of February."""
        return next((chunk for chunk in chunks_of(self) if chunk.begin.month == 2), None)

    def files(self) -> dict[str, bytes]:
        """Gives February's files by name, as they lie in the folder; those that the state has are all there."""
        chunk = self.february()
        records = (*chunk.files, *chunk.arriving) if chunk else ()
        return {file.name: (self.folder / file.path).read_bytes() for file in records}

    def january_is_here(self) -> bool:
        """Whether the chunk that nothing was played for is done."""
        first = chunks_of(self)[0]
        return first.begin.month == 1 and first.outcome == "done" and bool(self.tree())

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def files_that_hold(secret: str, *places: Path) -> list[Path]:
    """Gives the files below some places in which a secret stands."""
    needle = secret.encode()
    return [path for place in places for path in place.rglob("*") if path.is_file() and needle in path.read_bytes()]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on which nothing is played yet, and whose sessions never wait."""
    monkeypatch.setenv("ONC_TOKEN", TOKEN)
    quick = partial(Session, sleep=lambda seconds: None, timeouts=Timeouts(connect=10, first_byte=20, idle=20))
    monkeypatch.setattr("oncsync.connection.Session", quick)
    sandbox = Sandbox(token=TOKEN, job_seconds=(0.0, 0.01), sync_seconds=0.0, seed=1)
    stage = Stage(tmp_path, sandbox)
    with stage.wire:
        yield stage
    assert not sandbox.broken
