"""The state on disk: a snapshot (`state.json`) and a journal of the events since (`state.journal`).

Recording an event appends one line, whatever the size of the state. A line ends with the CRC of what stands before it,
so a torn or damaged tail is noticed and dropped. The snapshot names its generation; a journal of an older generation is
already part of it. A journal names its format too, so that an older oncsync does not take a newer one's for damaged.
The snapshot before and the journal that led from it to this one are kept (`.previous`): a snapshot that cannot be read,
is gone or is older than its journal is made again from them.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from oncsync.atomic import folder_error, remove_leftovers, write_atomic
from oncsync.errors import FolderError, InputError
from oncsync.state.events import Event, Ordered, Ordering, Running, apply_event
from oncsync.state.records import State

STATE_VERSION = 1
_CRC_TAIL = len(',"crc":"00000000"}')
_DURABLE = (Ordering, Ordered, Running)
"""Events whose loss would cost an order at the service: on disk before the next call."""

LONG_JOURNAL, EVENTS_PER_CHUNK = 20_000, 4
"""From how many events on, in all and for each chunk, a snapshot is worth while before a sync ends."""
_PREVIOUS, _DAMAGED = ".previous", ".damaged"
_NO_CHUNKS = b'"chunks": {}'

_encode_event = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(Event).decode


class _Version(msgspec.Struct):
    version: int


class _Header(msgspec.Struct):
    version: int
    generation: int


class DamagedStateError(InputError):
    """A snapshot or a journal that is no document of ours any more, or not the one that belongs there."""

    what = "was damaged"


def state_files(path: Path) -> tuple[Path, ...]:
    """Gives every file that a state at `path` may consist of."""
    both = (path, path.with_suffix(".journal"))
    return tuple(_beside(one, mark) for one in both for mark in ("", _PREVIOUS, _DAMAGED))


def _beside(path: Path, mark: str) -> Path:
    return path.with_name(f"{path.name}{mark}")


class StateStore:
    """The state of one folder, with one writer. Reads at once; writes only after `open_journal`."""

    def __init__(self, path: Path, *, notice: Callable[[str], None] = lambda text: None) -> None:
        """Reads snapshot and journal at `path`; tells `notice` about a tail that was dropped, and of what was rebuilt.

        Raises `InputError` for a newer format, and for a snapshot that can neither be taken as it is nor be rebuilt.
        """
        self.path = path
        self.journal_path = path.with_suffix(".journal")
        # In this order: a journal that a running sync starts after its snapshot never meets the snapshot before.
        content = _read(self.journal_path) or b""
        is_first = not any(_beside(one, _PREVIOUS).exists() for one in (path, self.journal_path))
        self._notice = notice
        self._journal: int | None = None
        self._recorded = 0
        self._is_torn = False
        self._is_damaged = False
        self._is_cut = False
        self._is_rebuilt = False
        try:
            self.state = self._read_newest(content, is_first)
        except DamagedStateError as fault:
            self._rebuild(content, fault)
        self._whole_bytes = self._replay(content) if content else 0

    @property
    def _damaged_path(self) -> Path:
        return _beside(self.journal_path, _DAMAGED)

    @property
    def recorded(self) -> int:
        """How many events the journal holds since the last snapshot."""
        return self._recorded

    def open_journal(self) -> None:
        """Makes the journal ready for new events: cuts a torn tail off, starts a new one after a snapshot.

        A journal whose first line is damaged is kept beside it for a person to look at.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            if self._is_rebuilt:
                self._replace_damaged_snapshot()
            if self._is_damaged:
                self.journal_path.replace(self._damaged_path)
                self._is_damaged = False
            if self._is_cut:  # whole lines stand behind the damaged one: a person may want to look at them
                write_atomic(self._damaged_path, self.journal_path.read_bytes())
                self._is_cut = False
            if self._whole_bytes == 0:
                write_atomic(self.journal_path, _header(self.state.generation))
                self._whole_bytes = len(_header(self.state.generation))
            self._journal = os.open(self.journal_path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            os.ftruncate(self._journal, self._whole_bytes)
        except OSError as error:
            raise folder_error(self.journal_path, error) from error

    def _remove_leftovers(self) -> None:
        """Removes what killed writers left half written; this one is alone, or there would be no journal to open."""
        for place in state_files(self.path):
            remove_leftovers(place, older_than=0)
        with contextlib.suppress(OSError):
            _unkept(self.path).unlink()

    def record(self, event: Event) -> None:
        """Appends one event to the journal, then applies it.

        Raises `FolderError` when it cannot be written; journal and state are then as they were before.
        """
        if self._journal is None:
            raise RuntimeError("The journal is not open")
        line = _line(_encode_event(event))
        try:
            if self._is_torn:
                self._cut_tail(self._journal)
            self._is_torn = True
            _write_all(self._journal, line)
            if isinstance(event, _DURABLE):
                os.fsync(self._journal)
            self._is_torn = False
        except OSError as error:
            raise folder_error(self.journal_path, error) from error
        finally:
            if self._is_torn:  # an interrupt ends here as well
                with contextlib.suppress(OSError):
                    self._cut_tail(self._journal)
        self._whole_bytes += len(line)
        self._recorded += 1
        apply_event(self.state, event)

    def _cut_tail(self, journal: int) -> None:
        """Takes off what was written of an event that could not be recorded."""
        os.ftruncate(journal, self._whole_bytes)
        self._is_torn = False

    def snapshot(self) -> None:
        """Writes the whole state and starts an empty journal, keeping those before. A kill in between loses nothing."""
        self.state.generation += 1
        try:
            if not self._is_rebuilt:
                _keep(self.path)
            write_atomic(self.path, _pieces(self.state), durable=True)
        except BaseException:
            self.state.generation -= 1
            raise
        was_open = self._journal is not None
        self.close()
        # The journal that lies there is part of the snapshot now: whatever fails next, nothing may be added to it.
        self._whole_bytes, self._recorded = 0, 0
        with contextlib.suppress(OSError):
            self.journal_path.replace(_beside(self.journal_path, _PREVIOUS))
        if was_open:
            self.open_journal()

    def snapshot_if_long(self) -> None:
        """Writes a snapshot when the journal has many more events than the state has chunks.

        So that of a sync of weeks little is to be read again, and an event costs the same however many there are.
        """
        if self._recorded >= max(LONG_JOURNAL, EVENTS_PER_CHUNK * len(self.state.chunks)):
            self.snapshot()

    def close(self) -> None:
        """Closes the journal; what was recorded stays."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
            self._is_torn = False

    def _read_newest(self, journal: bytes, is_first: bool) -> State:
        """Reads the snapshot; raises `DamagedStateError` where it is not the one that the journal follows (rule 3).

        A journal that is older than the snapshot is what a kill between the two leaves.
        """
        generation = (_generation(journal, self.journal_path.name) if journal else None) or 0
        content = _read(self.path)
        if content is None:
            if generation or not is_first:
                raise _misplaced(self.path.name, "is gone")
            return State()
        state = parse_state(content, self.path.name)
        if generation > state.generation:
            raise _misplaced(self.path.name, f"is older than `{self.journal_path.name}`")
        return state

    def _rebuild(self, journal: bytes, fault: DamagedStateError) -> None:
        """Starts from the snapshot before the one at fault; raises `fault` unless the journals lead on from it."""
        name = self.journal_path.name
        try:
            before = _beside(self.path, _PREVIOUS)
            content = _read(before)
            self.state = State() if content is None else parse_state(content, before.name)
            between = _read(_beside(self.journal_path, _PREVIOUS)) or b""
            follows = self.state.generation
            if between and _generation(between, name) == follows:
                if self._replay(between) < len(between):
                    raise fault
                follows += 1
            elif not journal:
                raise fault
        except DamagedStateError:
            raise fault from None
        if journal and _generation(journal, name) != follows:
            raise fault
        self.state.generation = follows
        self._is_rebuilt = True
        self._notice(f"`{self.path.name}` {fault.what}; it is made again from the one before it, and nothing is lost")

    def _replace_damaged_snapshot(self) -> None:
        """Writes what was rebuilt in the place of what was damaged, which is kept for a person to look at."""
        if (damaged := _read(self.path)) is not None:
            write_atomic(_beside(self.path, _DAMAGED), damaged)
        self.snapshot()
        self._is_rebuilt = False
        # A copy, no link: one more damage to the file must not hit both names of it.
        write_atomic(_beside(self.path, _PREVIOUS), self.path.read_bytes())

    def _replay(self, content: bytes) -> int:
        """Applies a journal to the snapshot; gives how many of its bytes are whole."""
        name = self.journal_path.name
        first, *lines = content.splitlines(keepends=True)
        header = _read_header(first, name)
        if header is None:
            self._is_damaged = True
            self._notice(f"`{name}` begins with a damaged line, and {len(content)} bytes of it were not read")
            return 0
        if header.generation < self.state.generation:
            return 0
        whole = len(first)
        for line in lines:
            event = _read_event(line, name)
            if event is None:
                self._notice(f"The last {len(content) - whole} bytes of `{name}` were not whole and were dropped")
                self._is_cut = any(
                    _read_event(later, name) is not None for later in content[whole:].splitlines(True)[1:]
                )
                break
            try:
                apply_event(self.state, event)
            except ValueError as error:
                raise _unreadable(name, error) from None
            self._recorded += 1
            whole += len(line)
        return whole


def render_state(state: State) -> bytes:
    """Gives the bytes of a snapshot: JSON, indented, a line for each chunk in the order of their ids."""
    return b"".join(_pieces(state))


def _pieces(state: State) -> Iterator[bytes]:
    """Yields a snapshot line by line, so that a large one is never in memory twice."""
    bare = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(state, chunks={})), indent=1)
    head, _, tail = bare.rpartition(_NO_CHUNKS)
    yield head + _NO_CHUNKS[:-1]
    for number, (key, chunk) in enumerate(sorted(state.chunks.items())):
        yield b"%s\n  %s: %s" % (b"," if number else b"", msgspec.json.encode(key), msgspec.json.encode(chunk))
    yield (b"\n }" if state.chunks else b"}") + tail + b"\n"


def parse_state(content: bytes, name: str) -> State:
    """Reads the bytes of a snapshot; raises `InputError` for a newer format or an unreadable one."""
    try:
        version = msgspec.json.decode(content, type=_Version).version
        if version > STATE_VERSION:
            raise _newer(name, version)
        return msgspec.json.decode(content, type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(name, error) from None


def _keep(path: Path) -> None:
    """Keeps a file as it is under its other name; a disk that has no room for that ends nothing."""
    kept, fresh = _beside(path, _PREVIOUS), _unkept(path)
    try:
        fresh.unlink(missing_ok=True)
        try:
            os.link(path, fresh)
        except FileNotFoundError:
            return
        except OSError:  # a file system without hard links
            write_atomic(fresh, path.read_bytes())
        fresh.replace(kept)
    except (OSError, FolderError):
        return


def _unkept(path: Path) -> Path:
    """Gives the name that what is kept has until it is whole."""
    return _beside(path, f"{_PREVIOUS}.part")


def _unreadable(name: str, reason: Exception) -> DamagedStateError:
    return DamagedStateError(
        f"`{name}` is not a state document of oncsync: {reason}",
        hint="nothing was changed; put a copy from a backup in its place. "
        "Without a state every file is fetched again, beside those that are here",
    )


def _misplaced(name: str, what: str) -> DamagedStateError:
    fault = DamagedStateError(
        f"`{name}` {what}: what happened since is not all known",
        hint="nothing was changed; put the whole folder of the state back from one backup. "
        "Without a state every file is fetched again, beside those that are here",
    )
    fault.what = what
    return fault


def _newer(name: str, version: int) -> InputError:
    return InputError(
        f"`{name}` has format version {version}; this oncsync reads up to {STATE_VERSION}",
        hint="install a newer oncsync",
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise folder_error(path, error, verb="read") from error


def _line(body: bytes) -> bytes:
    return body[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(body[:-1])


def _body(line: bytes) -> bytes | None:
    """Gives what stands in a whole line, None for a torn or damaged one."""
    body, tail = line[: -_CRC_TAIL - 1], line[-_CRC_TAIL - 1 :]
    return body + b"}" if tail == b',"crc":"%08x"}\n' % zlib.crc32(body) else None


def _read_event(line: bytes, name: str) -> Event | None:
    """Gives the event of a whole line, None for a torn one; raises `InputError` for one of another format."""
    body = _body(line)
    try:
        return None if body is None else _decode_event(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(name, error) from None


def _header(generation: int) -> bytes:
    return _line(msgspec.json.encode(_Header(STATE_VERSION, generation)))


def _generation(journal: bytes, name: str) -> int | None:
    """Gives the generation of the snapshot that a journal follows; None when its first line is damaged."""
    header = _read_header(journal.splitlines(keepends=True)[0], name)
    return None if header is None else header.generation


def _read_header(line: bytes, name: str) -> _Header | None:
    body = _body(line)
    try:
        version = 0 if body is None else msgspec.json.decode(body, type=_Version).version
        if version > STATE_VERSION:
            raise _newer(name, version)
        return None if body is None else msgspec.json.decode(body, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(name, error) from None


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
