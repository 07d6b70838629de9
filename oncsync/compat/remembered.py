"""What `ONCDownloader` brought into a folder: one line for each file, so that the next run knows a whole file.

Without it a file is known by its size alone; with it also one that ONC archived again in the same size, and one whose
size never was what the listing says (open questions 1 and 31).
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import msgspec

from oncsync.atomic import folder_error
from oncsync.engine.disk import file_digest, file_size
from oncsync.engine.folder import OWN_FOLDER, prepare_folder
from oncsync.listed import Described, Instant, Size, changed_members

FILE_NAME = "ONCDownloader.jsonl"


class Brought(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that was brought whole: its place, its content, and what the listing said of it then."""

    path: str
    bytes: int
    sha256: str
    archived: Instant | None = None
    modified: Instant | None = None
    stored_size: Size | None = None
    delivered_size: Size | None = None


class Memory:
    """The files that were brought below a folder; safe for use by many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / OWN_FOLDER / FILE_NAME
        self._lock = Lock()
        self._brought = _read(self._file)

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else path.as_posix()

    def note(self, path: Path, count: int, sha256: str, listed: Described) -> None:
        """Records a file that has arrived whole; raises `FolderError`."""
        brought = Brought(
            path=self._key(path),
            bytes=count,
            sha256=sha256,
            archived=listed.archived,
            modified=listed.modified,
            stored_size=listed.stored_size or None,
            delivered_size=listed.delivered_size or None,
        )
        with self._lock:
            prepare_folder(self._folder)
            try:
                with open(self._file, "ab", buffering=0) as stream:
                    stream.write(msgspec.json.encode(brought) + b"\n")
            except OSError as error:
                raise folder_error(self._file, error) from error
            self._brought[brought.path] = brought

    def is_whole(self, path: Path, listed: Described) -> bool:
        """Whether the file is here as the listing has it now; where the listing is silent, as it was brought."""
        size = file_size(path)
        before = self._brought.get(self._key(path))
        if before is not None and before.bytes == size:
            return not changed_members(listed, before)
        sizes = {listed.delivered_size, listed.stored_size} - {None, 0}
        return size in sizes if sizes else size > 0

    def is_known(self, path: Path) -> bool:
        """Whether the file is here as it was brought, as far as its size tells."""
        before = self._brought.get(self._key(path))
        return before is not None and before.bytes == file_size(path)

    def is_ours(self, path: Path) -> bool:
        """Whether the file is here as it was brought, to the last byte."""
        before = self._brought.get(self._key(path))
        return before is not None and before.bytes == file_size(path) and before.sha256 == file_digest(path)


def _read(file: Path) -> dict[str, Brought]:
    """Reads what was noted; a line that a kill tore is left out."""
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise folder_error(file, error, verb="read") from error
    brought = {}
    for line in lines:
        try:
            one = msgspec.json.decode(line, type=Brought)
        except msgspec.DecodeError:
            continue
        brought[one.path] = one
    return brought
