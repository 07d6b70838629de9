"""One transfer: whole with its hash, or nothing at all."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oncsync.api import EndOfFiles, Expired, FailedRun, NoData, NotReady
from oncsync.engine.transfers import Answer, Broken, Fetched, Job, Stopped, fetch
from oncsync.errors import (
    FaultError,
    FolderError,
    ForbiddenError,
    OncsyncError,
    RefusedError,
    TokenError,
    UnreachableError,
)
from tests.api.conftest import TOKEN, Connect
from tests.support.scripted import Reply, Serve

BODY = bytes(range(256)) * 3000  # 768,000 bytes: three blocks
CHUNK = "0123456789abcdef0123"

Fetch = Callable[..., Answer]


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """Gives the place where files arrive."""
    (tmp_path / "partial").mkdir()
    return tmp_path / "partial"


@pytest.fixture
def fetch_one(serve: Serve, connect: Connect, partial: Path) -> Fetch:
    """Fetches one file from a service that gives one answer."""

    def run(reply: Reply, index: str = "1", *, stop: threading.Event | None = None, folder: Path = partial) -> Answer:
        session = connect(serve([reply]))
        return fetch(session, Job(CHUNK, 56070469, index), folder, stop or threading.Event())

    return run


def error_of(answer: Answer) -> OncsyncError:
    assert isinstance(answer, Broken)
    return answer.error


def test_a_whole_file_lies_in_partial_with_its_size_and_hash(fetch_one: Fetch, partial: Path) -> None:
    """Rule 1: length checked, hash taken in the same pass."""
    answer = fetch_one(Reply.of_file(BODY, "Axis CTD.csv"))
    assert isinstance(answer, Fetched)
    assert (answer.name, answer.bytes, answer.unverified) == ("Axis CTD.csv", len(BODY), False)
    assert answer.sha256 == hashlib.sha256(BODY).hexdigest()
    assert [path.name for path in partial.iterdir()] == [answer.partial]
    assert (partial / answer.partial).read_bytes() == BODY


def test_the_file_is_asked_for_by_its_run_and_index(serve: Serve, connect: Connect, partial: Path) -> None:
    service = serve([Reply.of_file(b"x"), Reply.of_file(b"<x/>")])
    session = connect(service)
    for index in ("12", "meta"):
        assert isinstance(fetch(session, Job(CHUNK, 7, index), partial, threading.Event()), Fetched)
    assert [(asked.query["dpRunId"], asked.query["index"]) for asked in service.asked] == [("7", "12"), ("7", "meta")]


def test_two_transfers_of_one_file_do_not_meet(fetch_one: Fetch, partial: Path) -> None:
    first, second = (fetch_one(Reply.of_file(b"same")) for _ in range(2))
    assert isinstance(first, Fetched)
    assert isinstance(second, Fetched)
    assert first.partial != second.partial
    assert len(list(partial.iterdir())) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of_file(BODY, length=len(BODY) + 1, cut=len(BODY)),
        Reply.of_file(BODY, cut=300_000),
        Reply.of_file(BODY, cut=1),
        Reply.of_file(BODY, cut=300_000, reset=True),
        Reply.of_file(BODY, length=len(BODY) - 1, close=True),
        Reply.of_file(BODY, length=1, close=True),
        Reply.of_file(b""),
        Reply.of_file(b"", length=None),
        Reply.of_file(b"", chunks=[b"abc"] * 9, cut=20),
    ],
    ids=["one short", "cut", "cut at once", "reset", "one long", "long", "empty", "empty without length", "chunks cut"],
)
def test_a_file_that_is_not_whole_is_no_file(fetch_one: Fetch, partial: Path, reply: Reply) -> None:
    """Open questions 1 and 2: short, long and empty bodies are faults, and nothing of them stays."""
    error = error_of(fetch_one(reply))
    assert isinstance(error, FaultError | UnreachableError)
    assert list(partial.iterdir()) == []


@pytest.mark.parametrize("reply", [Reply.of_file(BODY, length=None), Reply.of_file(b"", chunks=[BODY, b"end"])])
def test_without_a_length_a_clean_end_is_taken_and_noted(fetch_one: Fetch, partial: Path, reply: Reply) -> None:
    """Open question 2: complete as far as can be seen, and marked as unverified."""
    answer = fetch_one(reply)
    assert isinstance(answer, Fetched)
    assert answer.unverified
    assert answer.sha256 == hashlib.sha256((partial / answer.partial).read_bytes()).hexdigest()
    assert answer.bytes >= len(BODY)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply.of_json({"message": "Running", "status": "running"}, 202), NotReady("running", "Running")),
        (Reply.of_json({"status": "error", "message": "boom"}, 202), FailedRun("boom")),
        (Reply(404), EndOfFiles()),
        (Reply.of_page(status=404), EndOfFiles(is_page=True)),
        (Reply(204), NoData()),
        (Reply(410), Expired()),
        (Reply.of_json({"status": "cancelled"}, 400), FailedRun("cancelled", "cancelled")),
    ],
    ids=["202", "202 error", "404", "404 page", "204", "410", "400 cancelled"],
)
def test_what_is_no_file_is_passed_on(fetch_one: Fetch, partial: Path, reply: Reply, expected: Answer) -> None:
    """onc-api.md 3.3: what it means is for others to say."""
    answer = fetch_one(reply)
    assert type(answer) is type(expected)
    if not isinstance(expected, EndOfFiles):
        assert answer == expected
    else:
        assert isinstance(answer, EndOfFiles)
        assert answer.is_page == expected.is_page
    assert list(partial.iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.of_page(), FaultError),
        (Reply.of_json({"errors": [{"errorMessage": "x"}]}), FaultError),
        (Reply.of_errors((127, "Invalid parameter value", "dpRunId")), RefusedError),
        (Reply.of_errors((127, "Invalid parameter value", "token"), status=401), TokenError),
        (Reply(403), ForbiddenError),
        (Reply(503), FaultError),
        (Reply(500, b"<html>"), FaultError),
    ],
    ids=["page", "errors in a 200", "400", "401", "403", "503", "500"],
)
def test_an_error_is_an_answer_and_never_raised(
    fetch_one: Fetch, partial: Path, reply: Reply, kind: type[OncsyncError]
) -> None:
    error = error_of(fetch_one(reply))
    assert isinstance(error, kind)
    assert TOKEN not in repr(error) + error.render()
    assert list(partial.iterdir()) == []


def test_a_service_that_is_gone_is_an_answer(serve: Serve, connect: Connect, partial: Path) -> None:
    session = connect("http://127.0.0.1:9/")
    answer = fetch(session, Job(CHUNK, 1, "1"), partial, threading.Event())
    assert isinstance(error_of(answer), UnreachableError)


class StopAfter(threading.Event):
    """An event that is set after it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_transfer_stops_between_blocks_and_leaves_nothing(fetch_one: Fetch, partial: Path, blocks: int) -> None:
    """R110: a run that ends does not wait for large files."""
    assert isinstance(fetch_one(Reply.of_file(BODY), stop=StopAfter(blocks)), Stopped)
    assert list(partial.iterdir()) == []


def test_a_stop_after_the_last_block_comes_too_late(fetch_one: Fetch) -> None:
    assert isinstance(fetch_one(Reply.of_file(BODY), stop=StopAfter(3)), Fetched)


class FullDisk:
    """A file on a disk with so many bytes left."""

    def __init__(self, stream: Any, left: int) -> None:
        self._stream = stream
        self._left = left

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, content: bytes) -> int:
        if self._left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written: int = self._stream.write(bytes(content)[: self._left])
        self._left -= written
        return written


@pytest.mark.parametrize("left", [0, 1, 300_000])
def test_a_full_disk_is_an_answer_and_leaves_nothing(
    fetch_one: Fetch, partial: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    def open_on_full_disk(*arguments: Any, **more: Any) -> FullDisk:
        return FullDisk(open(*arguments, **more), left)

    monkeypatch.setattr("oncsync.engine.transfers.open", open_on_full_disk, raising=False)
    error = error_of(fetch_one(Reply.of_file(BODY)))
    assert isinstance(error, FolderError)
    assert (error.exit_code, "no space left" in error.message) == (8, True)
    assert list(partial.iterdir()) == []


def test_a_disk_that_takes_a_block_in_pieces_gets_all_of_it(
    fetch_one: Fetch, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(FullDisk):
        def write(self, content: bytes) -> int:
            written: int = self._stream.write(bytes(content)[:100_000])
            return written

    def open_slowly(*arguments: Any, **more: Any) -> Slow:
        return Slow(open(*arguments, **more), 0)

    monkeypatch.setattr("oncsync.engine.transfers.open", open_slowly, raising=False)
    answer = fetch_one(Reply.of_file(BODY))
    assert isinstance(answer, Fetched)
    assert (partial / answer.partial).read_bytes() == BODY


def test_a_place_that_is_gone_is_an_answer(fetch_one: Fetch, tmp_path: Path) -> None:
    error = error_of(fetch_one(Reply.of_file(BODY), folder=tmp_path / "absent"))
    assert isinstance(error, FolderError)
