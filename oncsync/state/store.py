"""The state on disk: a snapshot (`state.json`) and a journal of the events since (`state.journal`).

Recording an event appends one line, whatever the size of the state. A line ends with the CRC of what stands before it,
so a torn or damaged tail is noticed and dropped. The snapshot names its generation; a journal of an older generation is
already part of it.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from oncsync.atomic import folder_error, write_atomic
from oncsync.errors import InputError
from oncsync.state.records import Event, Ordered, Ordering, Running, State, apply_event

STATE_VERSION = 1
_CRC_TAIL = len(',"crc":"00000000"}')
_DURABLE = (Ordering, Ordered, Running)
"""Events whose loss would cost an order at the service: on disk before the next call."""

_encode_event = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(Event).decode


class _Version(msgspec.Struct):
    version: int


class StateStore:
    """The state of one folder, with one writer. Reads at once; writes only after `open_journal`."""

    def __init__(self, path: Path, *, notice: Callable[[str], None] = lambda text: None) -> None:
        """Reads snapshot and journal at `path`; tells `notice` about a tail that was dropped.

        Raises `InputError` for a newer format or a snapshot that cannot be read.
        """
        self.path = path
        self.journal_path = path.with_suffix(".journal")
        self.state = _read_snapshot(path)
        self._notice = notice
        self._journal: int | None = None
        self._recorded = 0
        self._whole_bytes = self._replay()

    @property
    def recorded(self) -> int:
        """How many events the journal holds since the last snapshot."""
        return self._recorded

    def open_journal(self) -> None:
        """Makes the journal ready for new events: cuts a torn tail off, starts a new one after a snapshot."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._whole_bytes == 0:
                write_atomic(self.journal_path, _header(self.state.generation))
                self._whole_bytes = len(_header(self.state.generation))
            self._journal = os.open(self.journal_path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            os.ftruncate(self._journal, self._whole_bytes)
        except OSError as error:
            raise folder_error(self.journal_path, error) from error

    def record(self, event: Event) -> None:
        """Appends one event to the journal, then applies it. Raises `FolderError` when it cannot be written."""
        if self._journal is None:
            raise RuntimeError("The journal is not open")
        line = _line(_encode_event(event))
        try:
            _write_all(self._journal, line)
            if isinstance(event, _DURABLE):
                os.fsync(self._journal)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._journal, self._whole_bytes)
            raise folder_error(self.journal_path, error) from error
        self._whole_bytes += len(line)
        self._recorded += 1
        apply_event(self.state, event)

    def snapshot(self) -> None:
        """Writes the whole state and starts an empty journal. A kill between the two loses nothing."""
        self.state.generation += 1
        try:
            write_atomic(self.path, render_state(self.state), durable=True)
        except BaseException:
            self.state.generation -= 1
            raise
        was_open = self._journal is not None
        self.close()
        write_atomic(self.journal_path, _header(self.state.generation))
        self._whole_bytes, self._recorded = len(_header(self.state.generation)), 0
        if was_open:
            self.open_journal()

    def close(self) -> None:
        """Closes the journal; what was recorded stays."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _replay(self) -> int:
        """Applies the journal to the snapshot; gives how many of its bytes are whole."""
        try:
            content = self.journal_path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise folder_error(self.journal_path, error) from error
        header, newline, rest = content.partition(b"\n")
        generation = _generation(header + newline)
        if generation is None or generation < self.state.generation:
            return 0
        whole = len(header) + 1
        for line in rest.splitlines(keepends=True):
            event = _read_line(line)
            if event is None:
                torn = len(content) - whole
                self._notice(f"The last {torn} bytes of `{self.journal_path.name}` were not whole and were dropped")
                break
            apply_event(self.state, event)
            self._recorded += 1
            whole += len(line)
        return whole


def render_state(state: State) -> bytes:
    """Gives the bytes of a snapshot: JSON, indented, chunks in the order of their ids."""
    ordered = msgspec.structs.replace(state, chunks=dict(sorted(state.chunks.items())))
    return msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n"


def parse_state(content: bytes, name: str) -> State:
    """Reads the bytes of a snapshot; raises `InputError` for a newer format or an unreadable one."""
    try:
        version = msgspec.json.decode(content, type=_Version).version
        if version > STATE_VERSION:
            raise InputError(
                f"`{name}` has format version {version}; this oncsync reads up to {STATE_VERSION}",
                hint="install a newer oncsync",
            )
        return msgspec.json.decode(content, type=State)
    except msgspec.DecodeError as error:
        raise InputError(
            f"`{name}` is not a state document of oncsync: {error}",
            hint="nothing was changed; put a copy from a backup in its place, or move it away to start anew",
        ) from None


def _read_snapshot(path: Path) -> State:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise folder_error(path, error) from error
    return parse_state(content, path.name)


def _line(body: bytes) -> bytes:
    return body[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(body[:-1])


def _read_line(line: bytes) -> Event | None:
    """Gives the event of a whole line, None for a torn or damaged one."""
    body, tail = line[: -_CRC_TAIL - 1], line[-_CRC_TAIL - 1 :]
    if not line.endswith(b"\n") or tail != b',"crc":"%08x"}\n' % zlib.crc32(body):
        return None
    try:
        event: Event = _decode_event(body + b"}")
        return event
    except msgspec.DecodeError:
        return None


def _header(generation: int) -> bytes:
    return _line(msgspec.json.encode({"generation": generation}))


def _generation(line: bytes) -> int | None:
    body, tail = line[: -_CRC_TAIL - 1], line[-_CRC_TAIL - 1 :]
    if tail != b',"crc":"%08x"}\n' % zlib.crc32(body):
        return None
    generation = msgspec.json.decode(body + b"}").get("generation")
    return generation if isinstance(generation, int) else None


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
