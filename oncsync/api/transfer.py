"""Opens a file that an order delivers, and says what the answer is when it is no file.

Sources: onc-api.md 1.6 and 3.3, open questions 1 to 9, 13, 20 and 21.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import chain
from types import TracebackType
from typing import Literal, NoReturn

import msgspec

from oncsync.api.answers import error_entries, is_page, parse_leniently, state_words
from oncsync.api.coding import BLOCK_SIZE
from oncsync.api.delivery import run_phase
from oncsync.api.disposition import file_name
from oncsync.api.failures import state_text
from oncsync.api.redact import without_frames
from oncsync.api.session import Session
from oncsync.api.stream import SMALL_BODY, StreamAnswer

_PATH = "api/dataProductDelivery/download"
_PAGE_NAMES = (".html", ".htm", ".xhtml")
_JSON_NAMES = (".json", ".geojson")
_MARK = b"\xef\xbb\xbf"
"""What some programs write before UTF-8."""


class NotReady(msgspec.Struct, frozen=True):
    """202: the run still works; `status` and `message` are the service's words, blank when it has none."""

    status: str = ""
    message: str = ""
    retry_after: float | None = None


class FailedRun(msgspec.Struct, frozen=True):
    """The run ended without files: `phase` says how, `text` in the service's words (open question 13)."""

    text: str
    phase: Literal["failed", "cancelled"] = "failed"


class EndOfFiles(msgspec.Struct, frozen=True):
    """404: no file has this index; whether that is the end is for who knows the file count (open question 7).

    `is_page` says that a web page came with it, as from a wrong address or during an outage (open question 11).
    """

    message: str = ""
    is_page: bool = False


class NoData(msgspec.Struct, frozen=True):
    """204: no data were found."""


class Expired(msgspec.Struct, frozen=True):
    """410: the file was deleted from the delivery area."""

    message: str = ""


class ArrivingFile:
    """A file whose first block has come; take its `blocks`, and close it.

    `name` is untrusted and may be missing; `length` is the size in bytes, None when it is not known.
    """

    __slots__ = ("_blocks", "_stream", "content_type", "length", "name")

    def __init__(self, stream: StreamAnswer, name: str | None, blocks: Iterator[bytes]) -> None:
        self._stream = stream
        self._blocks = blocks
        self.name = name
        self.length = stream.length
        self.content_type = stream.content_type

    def blocks(self) -> Iterator[bytes]:
        """Yields the bytes in blocks of at most 256 KiB, once.

        Raises `FaultError` when the body is shorter or longer than announced or damaged, `UnreachableError` when the
        connection breaks or stalls; the file is whole when neither is raised.
        """
        return self._blocks

    def close(self) -> None:
        """Drops what has not been read."""
        self._stream.close()

    def __enter__(self) -> ArrivingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ArrivingFile {self.name!r}, {self.length} bytes>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an arriving file cannot be pickled")


FileAnswer = NotReady | FailedRun | EndOfFiles | NoData | Expired | ArrivingFile


@without_frames
def open_file(session: Session, dp_run_id: int, index: int | Literal["meta"], *, attempts: int = 1) -> FileAnswer:
    """Asks for a file of a run, by its index from 1 or its metadata file; the caller closes an `ArrivingFile`.

    Raises `FaultError` for a 200 whose body is empty or not the file (open questions 2 and 5), `RefusedError` for an
    unknown run (400), and otherwise what `Session.open_stream` raises.
    """
    stream = session.open_stream(
        _PATH,
        {"dpRunId": str(dp_run_id), "index": str(index)},
        accepted=(200, 202, 204, 400, 404, 410),
        attempts=attempts,
    )
    if stream.status == 200:
        return arriving_file(stream)
    if stream.status == 400:
        return _refused(stream)
    with stream:
        retry_after = stream.retry_after
        body = b"" if stream.status == 204 else stream.read_some()
    words = parse_leniently(body, stream.redact)
    if stream.status == 202:
        return _failed(words) or NotReady(*state_words(words), retry_after=retry_after)
    if stream.status == 204:
        return NoData()
    if stream.status == 410:
        return Expired(state_text(words))
    is_other = words is None and bool(body.strip())  # A type without a page is a header that a server sends anyway.
    return EndOfFiles(state_text(words), is_other and is_page(stream.content_type, body))


def _refused(stream: StreamAnswer) -> FailedRun:
    """Tells a cancelled run, whose 400 has no `errors` (onc-api.md 1.2), from what anybody else refuses."""
    body = stream.read_some()
    words = parse_leniently(body, stream.redact)
    if error_entries(words):
        raise stream.failure_of(body)
    return _failed(words) or FailedRun(state_text(words) or "the run was cancelled", "cancelled")


def _failed(words: object) -> FailedRun | None:
    status, message = state_words(words)
    phase = run_phase(status, finished=False)
    if phase in ("failed", "cancelled"):
        return FailedRun(message or status, phase)
    return None


def arriving_file(
    stream: StreamAnswer,
    asked_name: str | None = None,
    *,
    may_be_empty: bool = False,
    sizes: Collection[int] = (),
) -> ArrivingFile:
    """Looks at the first block of a 200 before anyone takes it for data; `asked_name` replaces the name that came.

    Raises `FaultError` for what is not the file (open question 5), also for no bytes unless `may_be_empty`. A body of
    one of the listed `sizes`, in bytes, is the file whatever it resembles.
    """
    came_as = file_name(stream.header("content-disposition"))
    name = asked_name or came_as
    name = name and stream.redact(name)
    blocks = stream.blocks()
    first = next(blocks, b"")
    found = None if may_be_empty and not first else _not_the_file(stream, name, first)
    if found is None and not came_as and len(first) not in sizes and _is_bare_json(stream, name, first):
        found = "JSON in place of the file"
    if found is not None:
        stream.close()
        raise stream.unreadable(found, first)
    return ArrivingFile(stream, name, chain((first,) if first else (), blocks))


def _is_bare_json(stream: StreamAnswer, name: str | None, first: bytes) -> bool:
    """Whether a body of one block, which nobody called a file, is an answer in JSON, by its type or by what it holds.

    Products come with a file name (onc-api.md 1.6), JSON among them. A bare word or number may be a small text.
    """
    if not first or len(first) >= BLOCK_SIZE or (name or "").lower().endswith(_JSON_NAMES):
        return False
    return stream.content_type == "application/json" or isinstance(parse_leniently(first, stream.redact), dict | list)


def _not_the_file(stream: StreamAnswer, name: str | None, first: bytes) -> str | None:
    """Says what a 200 gave in place of the file, None when it is the file as far as can be seen (open question 5)."""
    if not first:
        return "an empty file"
    if stream.has_odd_length:
        return "a file of a length that is no number"
    lowered = (name or "").lower()
    if not lowered.endswith(_PAGE_NAMES) and is_page(stream.content_type, first):
        return "a page in place of the file"
    if len(first) > SMALL_BODY or not first.removeprefix(_MARK).lstrip().startswith(b"{"):
        return None
    words = parse_leniently(first, stream.redact)
    if not isinstance(words, dict):
        return None
    entries = error_entries(words)
    # The message of a state may be missing (onc-api.md 3.3); without a name nothing says that this is a file.
    looks_like_answer = "errors" in words or ("status" in words and ("message" in words or not name))
    if any(entry.code is not None for entry in entries) if lowered.endswith(_JSON_NAMES) else looks_like_answer:
        said = "; ".join(entry.text for entry in entries if entry.text) or state_text(words)
        return f"an answer in place of the file: {said or json.dumps(words)[:80]}"
    return None
