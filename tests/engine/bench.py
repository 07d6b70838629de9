"""A folder with its state in which files arrive by hand, and a death that comes before any chosen step."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from oncsync.engine.files import Shelves
from oncsync.engine.folder import prepare_folder
from oncsync.engine.placement import WantedChunk
from oncsync.state import (
    Arrived,
    ChunkState,
    Ended,
    FileRecord,
    Finished,
    Ordered,
    Ordering,
    Outcome,
    Running,
    StateStore,
)
from tests.support.records import at

NOW = at("2026-11-21T12:00")


class Killed(BaseException):
    """Stands for `kill -9`: nothing after it runs, and nothing catches it."""


class Bench:
    """One folder. What the engine does with an order, step by step; `restart` is the next process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        prepare_folder(folder)
        self.restart()

    def restart(self) -> None:
        """Reads everything from the disk again, as after a kill."""
        self.store = StateStore(self.folder / ".oncsync" / "state.json")
        self.store.open_journal()
        self.shelves = Shelves(self.folder, self.store, lambda: NOW, warn=self.warnings.append)

    def order(self, wanted: WantedChunk, run_id: int = 1) -> None:
        """Records an order whose run is over."""
        chunk, product = wanted.chunk, wanted.request.product_digest
        self.store.record(
            Ordering(at=NOW, chunk=chunk.id, product=product, begin=chunk.begin, end=chunk.end, date_to=chunk.end)
        )
        self.store.record(Ordered(at=NOW, chunk=chunk.id, request_id=run_id + 1000))
        self.store.record(Running(at=NOW, chunk=chunk.id, run_ids=(run_id,)))
        self.store.record(Ended(at=NOW, chunk=chunk.id, run_ids=(run_id,), counts=(1,)))

    def transfer(self, content: bytes, run_id: int, index: str) -> str:
        """Lays a whole file into `partial/`; gives its name there."""
        name = f"{'0' * 20}-{run_id}-{index}.{hashlib.sha256(content).hexdigest()[:8]}.part"
        (self.shelves.partial / name).write_bytes(content)
        return name

    def arrive(
        self,
        wanted: WantedChunk,
        name: str | None,
        content: bytes,
        *,
        run_id: int = 1,
        index: str = "1",
        put: bool = True,
    ) -> FileRecord:
        """Takes in a whole file; with `put` it gets its place at once, as files of a first order do."""
        partial = self.transfer(content, run_id, index)
        path, replaces = self.shelves.choose_path(wanted, name, (run_id, index))
        file = FileRecord(
            run_id=run_id,
            index=index,
            name=name or "",
            path=path,
            partial=partial,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            at=NOW,
            replaces=replaces,
        )
        self.store.record(Arrived(at=NOW, chunk=wanted.chunk.id, file=file))
        if put:
            self.shelves.put(wanted.chunk.id, file)
        return file

    def finish(self, wanted: WantedChunk, outcome: Outcome = "done") -> None:
        """Records the outcome and puts the chunk's files in place."""
        held = self.state(wanted).files
        self.store.record(Finished(at=NOW, chunk=wanted.chunk.id, outcome=outcome))
        if outcome == "done":
            self.shelves.replace_held(wanted.chunk.id, held)

    def bring(self, wanted: WantedChunk, *files: tuple[str, bytes], run_id: int = 1) -> None:
        """Brings a whole order; one that replaces an earlier one waits until all of it is here."""
        self.order(wanted, run_id)
        is_first = not self.state(wanted).files
        for number, (name, content) in enumerate(files, start=1):
            self.arrive(wanted, name, content, run_id=run_id, index=str(number), put=is_first)
        self.finish(wanted)

    def settle(self, *wanted: WantedChunk) -> int:
        """Gives every file its final name."""
        return self.shelves.settle(wanted, self.warnings.append)

    def state(self, wanted: WantedChunk) -> ChunkState:
        """Gives what the state knows of a chunk."""
        return self.store.state.chunks[wanted.chunk.id]

    def paths(self, wanted: WantedChunk) -> list[str]:
        """Gives where the state says that a chunk's files lie."""
        return [file.path for file in self.state(wanted).files]

    def tree(self) -> dict[str, bytes]:
        """Gives the files a person sees, by path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and ".oncsync" not in path.parts
        }

    def partials(self) -> list[str]:
        """Gives what lies in `partial/`."""
        return sorted(path.name for path in self.shelves.partial.iterdir())

    def write(self, path: str, content: bytes) -> None:
        """Writes a file as a person does, who knows nothing of oncsync."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)


@contextmanager
def death_before(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kills at the chosen change of the disk or the journal, counted from 0; later ones never happen."""
    left = [step]

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            return real(*arguments, **more)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", mortal(os.link))
        for name in ("replace", "unlink", "rmdir", "write_bytes"):
            patched.setattr(Path, name, mortal(getattr(Path, name)))
        patched.setattr(StateStore, "record", mortal(StateStore.record))
        yield
