"""Answers of the archive services, in the shapes of onc-api.md sections 1.5 and 4."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from .catalogue import Catalogue, Deployment
from .citations import citation_of
from .content.archived import COMPRESSED, alike, archived_content
from .content.layout import media_type_of
from .content.series import milliseconds
from .matching import Question, matching_deployments
from .parameters import read_flag, read_limit, read_page, read_window
from .replies import NO_FILE, Complaint, Content, RefusedRequest, Reply, content_of, invalid_value, json_reply
from .shelves import (
    DAY,
    MOST_LAG,
    ArchiveFile,
    Edition,
    Shelf,
    count_of,
    edition_of,
    extent,
    files_of,
    find_file,
    first_archived,
    mixed,
    name_of,
    revision_day,
    shelves_of,
    text_of,
)

_SECOND = 1000
_SOURCE = ("locationCode", "deviceCategoryCode", "deviceCode", "propertyCode")


@dataclass(frozen=True)
class Search:
    """Which files are asked for; all instants are milliseconds since 1970, `archived` has both its ends in it."""

    shelves: tuple[Shelf, ...]
    begin: int
    end: int
    archived: tuple[int, int] | None
    newest_first: bool

    def shows(self, file: ArchiveFile, now: int) -> bool:
        """Whether a file overlaps the window, both ends exclusive, and is archived by now."""
        return file.end > self.begin and file.begin < self.end and first_archived(file) <= now


@dataclass(frozen=True)
class _Replaced:
    """A file that was archived again in this life of the service."""

    content: Content
    edition: Edition


@dataclass(frozen=True, repr=False)
class Address:
    """Where answers say that they come from: the base address and the token, which the service echoes."""

    url: str
    token: str

    def query_url(self, service: str, given: Mapping[str, str]) -> str:
        """Gives the address of a request, with the token as its last parameter."""
        return f"{self.url}api/{service}?{urlencode({**given, 'token': self.token})}"

    def next_page(self, service: str, given: Mapping[str, str], page: int) -> dict[str, object]:
        """Gives the `next` member: the whole query with the page as text, and its address."""
        query = {**given, "page": str(page)}
        return {"parameters": {**query, "token": self.token}, "url": self.query_url(service, query)}


class Archive:
    """All archive files of the catalogue. Safe to use from many threads; `now` gives the service's date."""

    def __init__(self, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self.catalogue = catalogue
        self._date = now
        self._lock = threading.Lock()
        self._replaced: dict[str, _Replaced] = {}

    @property
    def date(self) -> datetime:
        """The service's date."""
        return self._date()

    @property
    def now(self) -> int:
        """The service's date in milliseconds since 1970."""
        return milliseconds(self._date())

    def answer(self, service: str, given: Mapping[str, str], address: Address) -> Reply:
        """Answers an archive service; names and codes of the parameters are known to be valid."""
        if service.endswith("/download"):
            return self._download(given["filename"])
        return self._list(service, given, address)

    def archive_again(self, name: str, body: bytes) -> None:
        """Puts other content under the name of a file, archived now; raises LookupError for an unknown name."""
        with self._lock:
            now = self.now
            edition = Edition(self.edition_number(name) + 1, now, now + 3 * _SECOND)
            self._replaced[name] = _Replaced(content_of(body), edition)

    def edition_number(self, name: str) -> int:
        """Tells how often a file was archived again; raises LookupError for an unknown name."""
        file = self.find(name)
        if file is None:
            raise LookupError(name)
        return self.edition(file, self.now).number

    def find(self, name: str) -> ArchiveFile | None:
        """Gives the file with a name, or None while there is none."""
        device = self.catalogue.devices.get(name.rpartition("_")[0])
        if device is None:
            return None
        here = [deployment for deployment in self.catalogue.deployments if deployment.device is device]
        file = find_file(shelves_of(here), name)
        return file if file is not None and first_archived(file) <= self.now else None

    def edition(self, file: ArchiveFile, now: int) -> Edition:
        """Gives the state of an archived file."""
        replaced = self._replaced.get(name_of(file)) if self._replaced else None
        return replaced.edition if replaced else edition_of(file, now)

    def content(self, file: ArchiveFile, now: int) -> Content:
        """Gives the bytes of an archived file as they are delivered."""
        replaced = self._replaced.get(name_of(file)) if self._replaced else None
        return replaced.content if replaced else archived_content(self.catalogue, file, edition_of(file, now).number)

    def replaced_days(self) -> set[int]:
        """Gives the days of the files that were archived again in this life of the service."""
        return {file.begin // DAY for file in map(self.find, tuple(self._replaced)) if file}

    def deployed(self, given: Mapping[str, str]) -> list[Deployment]:
        """Gives the deployments whose files a listing shows.

        A place where no device of the category was in the window is refused (400/127); a device without any
        deployment then has an empty answer.
        """
        source = {name: given[name] for name in _SOURCE if name in given}
        window = read_window(given, self.date)
        found = matching_deployments(self.catalogue, Question(source, window))
        if not found and "locationCode" in source:
            raise _refused_place(source, bool(matching_deployments(self.catalogue, Question(source, None))))
        return sorted(found, key=lambda deployment: (deployment.begin, deployment.device.code))

    def search(self, given: Mapping[str, str], deployments: list[Deployment]) -> Search:
        """Reads which files are asked for."""
        window = read_window(given, self.date)
        archived = read_window(given, self.date, ("dateArchivedFrom", "dateArchivedTo"))
        extension = given.get("fileExtension", given.get("extension"))
        shelves = tuple(
            shelf
            for shelf in shelves_of(deployments)
            if extension in (None, shelf.rule.extension) and given.get("dataProductCode") in (None, shelf.rule.product)
        )
        now = self.now
        return Search(
            shelves=shelves,
            begin=0 if window is None else max(0, milliseconds(window.begin)),
            end=now if window is None else min(now, milliseconds(window.end)),
            archived=None if archived is None else (milliseconds(archived.begin), milliseconds(archived.end)),
            newest_first=read_flag(given, "getLatest"),
        )

    def files(self, search: Search, *, skip: int = 0) -> Iterator[ArchiveFile]:
        """Goes through the files of a search in the order of a listing: by begin, those of one instant mixed."""
        now = self.now
        days = extent(search.shelves, search.begin, search.end)
        again = self.replaced_days() if search.archived else set()
        for day in reversed(days) if search.newest_first else days:
            whole = search.begin <= day * DAY and (day + 1) * DAY <= min(search.end, now - MOST_LAG)
            if skip and whole and search.archived is None:
                count = sum(count_of(shelf, day) for shelf in search.shelves)
                if count <= skip:
                    skip -= count
                    continue
            found = [
                file
                for shelf in search.shelves
                if search.archived is None or day in again or _may_match(shelf, day, search.archived)
                for file in files_of(shelf, day)
            ]
            if not whole or search.archived is not None:
                found = [file for file in found if self._fits(file, search, now)]
            found.sort(key=_place, reverse=search.newest_first)
            yield from found[skip:]
            skip -= min(skip, len(found))

    def _fits(self, file: ArchiveFile, search: Search, now: int) -> bool:
        if search.archived is None or not search.shows(file, now):
            return search.shows(file, now)
        return search.archived[0] <= self.edition(file, now).archived <= search.archived[1]

    def _list(self, service: str, given: Mapping[str, str], address: Address) -> Reply:
        limit, messages = read_limit(given)
        page = read_page(given)
        deployments = self.deployed(given)
        search = self.search(given, deployments)
        found: list[ArchiveFile] = []
        is_more = False
        for file in self.files(search, skip=(page - 1) * limit):
            if len(found) == limit:
                is_more = True
                break
            found.append(file)
        wanted = given.get("returnOptions")
        body = {
            "files": self._rows(found, wanted),
            "next": address.next_page(service, given, page + 1) if is_more else None,
            "queryUrl": address.query_url(service, given),
            "returnOption": wanted or "default",
            "citations": [c for c in (citation_of(self.catalogue, d) for d in deployments) if c],
            "messages": messages,
        }
        return json_reply(body)

    def _rows(self, files: list[ArchiveFile], wanted: str | None) -> Sequence[str | dict[str, object]]:
        if wanted is None:
            return [name_of(file) for file in files]
        if wanted == "archiveLocation":
            return [{"filename": name_of(file), "archiveLocation": _archive_location(file)} for file in files]
        now = self.now
        lengths: dict[tuple[object, ...], int] = {}

        def length_of(file: ArchiveFile) -> int:
            key = alike(file, self.edition(file, now).number)
            if key is None or self._replaced:
                return self.content(file, now).length
            if key not in lengths:
                lengths[key] = self.content(file, now).length
            return lengths[key]

        return [_row(file, self.edition(file, now), length_of(file)) for file in files]

    def _download(self, name: str) -> Reply:
        file = self.find(name)
        if file is None:
            raise RefusedRequest(400, Complaint(NO_FILE, "No file could be found.", "filename"))
        header = ("Content-Disposition", f'attachment; filename="{name}"')
        return Reply(200, media_type_of(name), self.content(file, self.now), (header,))


def _row(file: ArchiveFile, edition: Edition, size: int) -> dict[str, object]:
    """Gives a file as `returnOptions=all` shows it; `size` is its length as delivered."""
    shelf = file.shelf
    is_packed = shelf.rule.extension in COMPRESSED
    number = mixed(shelf.seed, file.begin // _SECOND)
    return {
        "filename": name_of(file),
        "deviceCode": shelf.deployment.device.code,
        "dataProductCode": shelf.rule.product,
        "dateFrom": text_of(file.begin),
        "dateTo": text_of(file.end),
        "archivedDate": text_of(edition.archived),
        "modifyDate": text_of(edition.modified),
        "fileSize": stored_size(file, size),
        "uncompressedFileSize": size,
        "compression": "gz" if is_packed else ("" if shelf.seed % 2 else None),
        "archiveLocation": _archive_location(file),
        "path": f"{number % 100:02}/{(number >> 8) % 100:02}/{(number >> 16) % 100:02}",
    }


def stored_size(file: ArchiveFile, size: int) -> int:
    """Gives how many bytes a file takes in the archive: an eighth to a third of text, all of anything else."""
    if file.shelf.rule.extension not in COMPRESSED:
        return size
    return 40 + size * (125 + mixed(file.shelf.seed, file.begin // DAY) % 200) // 1000


def _place(file: ArchiveFile) -> tuple[int, int]:
    return file.begin, mixed(file.shelf.seed, file.begin)


def _archive_location(file: ArchiveFile) -> str:
    return f"/NA_Archive_{1 + file.begin // (400 * DAY) % 9:02}"


def _may_match(shelf: Shelf, day: int, archived: tuple[int, int]) -> bool:
    """Whether files of a day can have been archived in a window, the first time or again."""
    revised = revision_day(shelf, day)
    days = [(day, day + 1 + MOST_LAG // DAY)] + ([] if revised is None else [(revised, revised + 1)])
    return any(first * DAY <= archived[1] and archived[0] <= (last + 1) * DAY for first, last in days)


def _refused_place(source: Mapping[str, str], was_there: bool) -> RefusedRequest:
    names = ",".join(source)
    kind = f"device with category {source['deviceCategoryCode']}"
    if was_there:
        text = f"A {kind} was deployed at location {source['locationCode']} but not during the provided time range"
    else:
        text = f"No {kind} was ever deployed at location {source['locationCode']}"
    return invalid_value(names, text)
