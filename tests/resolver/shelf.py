"""A small archive as a script of a service, in which a test may change every row, and how it is resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from oncsync.api import Session
from oncsync.listed import ListedFile
from oncsync.listings import Listings
from oncsync.lockfile import Chunk, Lock
from oncsync.manifest import load_manifest
from oncsync.resolver import Resolution, resolve_manifest
from oncsync.timespan import format_instant, parse_instant
from tests.manifest.support import load_text
from tests.resolver.making import at
from tests.resolver.world import NOW, World
from tests.support.scripted import Asked, Reply

HOUR = timedelta(hours=1)
Row = dict[str, Any]
Instead = Callable[[Asked], Reply | None]


def row(device: str, begin: str, ending: str = ".txt", *, hours: float = 1, lag: float = 0.5, **more: Any) -> Row:
    """Gives a file as `returnOptions=all` shows it: data of some hours, archived some hours after their end."""
    first = at(begin)
    last = first + timedelta(hours=hours)
    archived = last + timedelta(hours=lag)
    return {
        "filename": f"{device}_{first:%Y%m%dT%H%M%S}.000Z{ending}",
        "deviceCode": device,
        "dataProductCode": "LF",
        "dateFrom": format_instant(first),
        "dateTo": format_instant(last),
        "archivedDate": format_instant(archived),
        "modifyDate": format_instant(archived + timedelta(seconds=3)),
        "fileSize": 400,
        "uncompressedFileSize": 1000,
        "compression": "gz",
        "archiveLocation": "/NA_Archive_04",
        "path": "14/10/96",
        **more,
    }


def again(one: Row, when: str, **more: Any) -> Row:
    """Gives a file as it is after it was archived again."""
    changed = {"archivedDate": format_instant(at(when)), "modifyDate": format_instant(at(when) + timedelta(seconds=3))}
    return one | changed | {"uncompressedFileSize": one["uncompressedFileSize"] + 1} | more


def day_of(device: str, day: str, ending: str = ".txt", **more: Any) -> list[Row]:
    """Gives a file for each hour of a day."""
    return [row(device, format_instant(at(day) + number * HOUR), ending, **more) for number in range(24)]


class Shelf:
    """The small world with these archive files: filters as the service does, and answers in pages of `page_size`.

    `rows` may be changed between questions; `shape` changes the rows of an answer, `instead` gives another answer.
    """

    def __init__(
        self,
        rows: Iterable[Row] = (),
        *,
        page_size: int = 1000,
        shape: Callable[[Row], Any] = lambda row: row,
        instead: Instead = lambda asked: None,
        messages: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.rows = list(rows)
        self.shape, self.instead, self.page_size, self.messages = shape, instead, page_size, list(messages)
        self._headers = dict(headers or {})
        self._world = World()

    def __call__(self, asked: Asked) -> Reply:
        """Answers one question."""
        other = self.instead(asked)
        if other is not None:
            return other
        if not asked.path.startswith("/api/archivefile/"):
            return self._world(asked)
        found = [one for one in self.rows if _is_meant(one, asked.query)]
        page = int(asked.query.get("page", "1"))
        shown = found[(page - 1) * self.page_size : page * self.page_size]
        following = None
        if len(found) > page * self.page_size:
            following = {"parameters": {**asked.query, "page": str(page + 1)}, "url": "https://elsewhere.example/"}
        body = {"files": list(map(self.shape, shown)), "next": following, "messages": self.messages}
        return Reply.of_json(body, headers=self._headers)


def _is_meant(one: Row, query: dict[str, str]) -> bool:
    def instant(name: str) -> datetime | None:
        return parse_instant(one[name]) if one.get(name) else None

    asked = {name: parse_instant(text) for name, text in query.items() if name.startswith("date")}
    begin, end, archived = instant("dateFrom"), instant("dateTo"), instant("archivedDate")
    return (
        one["filename"].startswith(f"{query['deviceCode']}_")
        and (end is None or "dateFrom" not in asked or end > asked["dateFrom"])
        and (begin is None or "dateTo" not in asked or begin < asked["dateTo"])
        and ("dateArchivedFrom" not in asked or (archived is not None and archived >= asked["dateArchivedFrom"]))
        and one["filename"].endswith(query.get("fileExtension", ""))
        and query.get("dataProductCode") in (None, one["dataProductCode"])
    )


def entry(lines: str, name: str = "x") -> str:
    """Gives a manifest of one archive download; it lasts for the first ten days of 2020 unless it says otherwise."""
    rest = ["service: archivefile", *lines.strip().splitlines()]
    if not any(line.startswith(("begin:", "events:")) for line in rest):
        rest += ["begin: 2020-01-01", "end: 2020-01-11"]
    return "\n".join(["downloads:", f"  - name: {name}", *(f"    {line}" for line in rest)]) + "\n"


def resolve_archive(
    text: str,
    session: Session,
    *,
    previous: Lock | None = None,
    now: datetime = NOW,
    listings: Listings | None = None,
    full: bool = False,
    allow_many: bool = False,
    place: Path | None = None,
) -> Resolution:
    """Resolves a manifest that consists of `text`; it lies in the folder `place` if that is given."""
    manifest = load_text(f"server: sandbox\n{text}")
    if place is not None:
        path = place / "oncsync.yaml"
        path.write_text(f"server: sandbox\n{text}", encoding="utf-8")
        manifest = load_manifest(path, environment={})
    return resolve_manifest(
        manifest, session, lambda: now, previous, listings=listings, full=full, allow_many=allow_many
    )


def chunks_of(resolution: Resolution, name: str = "x") -> list[Chunk]:
    """Gives the chunks of an entry, in lock order."""
    return [chunk for entry, _, chunk in resolution.lock.chunks() if entry.name == name]


def files_of(resolution: Resolution, name: str = "x") -> dict[str, ListedFile]:
    """Gives the files of an entry by name."""
    return {chunk.file.name: chunk.file for chunk in chunks_of(resolution, name) if chunk.file is not None}


def texts_of(resolution: Resolution) -> str:
    """Gives all that is said of a resolution."""
    said = [remark.message for remark in resolution.remarks] + [failure.error for failure in resolution.failures]
    return "\n".join(said)
