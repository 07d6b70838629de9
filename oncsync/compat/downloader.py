"""The class `ONCDownloader`: lists the archive files of devices, and fetches them into a folder a month.

Sources: R161-R182, I-20, I-25, I-26, I-27, and requirements "Behaviours behind S2".
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncsync.compat.given import local_folder, read_token, server_in_force
from oncsync.compat.moments import Moment, read_moments
from oncsync.compat.telling import Tell, log
from oncsync.errors import InputError, ServiceError, UnreachableError
from oncsync.timespan import UTC

if TYPE_CHECKING:
    from oncsync.api import ArchiveFile, Session
    from oncsync.compat.fetching import Outcome, Wanted
    from oncsync.compat.remembered import Memory
    from oncsync.compat.tables import Records

dev_codes_deployed = (
    "TUMLIDAR001",
    "TUMLIDAR002",
    "TUMMINISPECTROMETER001",
    "TUMMUONTRACKER001",
    "TUMPMTSPECTROMETER001",
    "TUMPMTSPECTROMETER002",
    "TUMSTANDARDMODULE001",
    "TUMSTANDARDMODULE003",
    "TUMSTANDARDMODULE004",
    "UMAINZWOM001",
)
"""The instruments of both mooring lines; what `dev_codes=None` means."""
DEFAULT_FOLDER = "data"
DEFAULT_THREADS = 4
MOST_NAMED = 10
"""So many failed files are named in the message about them; `result` has them all."""


class ONCDownloader:
    """Lists what lies in ONC's archive and fetches what was chosen, each file whole into its own folder.

    `token` is ONC's (None: the one of `ONC_TOKEN`, or the one that is stored). Below `outPath` (None: `ONCSYNC_FOLDER`,
    else `data` here) a file lies in `<device code in small letters>/<year>_<month>/`. At most `download_threads` files
    are fetched at a time. `showInfo` prints what is done; without it only warnings are told, to `tell`.
    `production=False` asks the QA server, `timeout` is taken and not needed.
    """

    def __init__(
        self,
        token: str | None = None,
        outPath: str | os.PathLike[str] | None = None,
        download_threads: int | None = None,
        *,
        showInfo: bool = False,
        showWarning: bool = True,
        production: bool = True,
        timeout: float | None = None,
        server: str | None = None,
        tell: Tell = log,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._token = read_token(token)
        self._server = server
        self._is_qa = not production
        self._tell: Tell = tell if showWarning else lambda level, text: None
        self._now = now
        self._listed: dict[str, ArchiveFile] = {}
        self.showInfo = showInfo
        self.outPath = local_folder(outPath or os.environ.get("ONCSYNC_FOLDER") or DEFAULT_FOLDER)
        self.download_threads = DEFAULT_THREADS if download_threads is None else download_threads
        if self.download_threads < 1:
            raise InputError(f"`download_threads` is {self.download_threads}; at least 1 is needed")
        self.result: dict[str, Any] = {}
        """What the last `getDirectFiles` did: `downloadResults`, one row a file, and `stats`."""

    # --- Listing -----------------------------------------------------------------------------------------------

    def get_files_structured(
        self,
        dev_codes: str | Iterable[str] | None = None,
        date_from: Moment = None,
        date_to: Moment = None,
        extensions: str | Iterable[str] | None = None,
        min_file_size: float = 0,
        max_file_size: float | None = None,
    ) -> Any:
        """Lists the archive files of devices as a table; downloads nothing.

        `date_from` and `date_to` bound the data: text without a zone is UTC, a number of days or a timedelta counts
        back from now (`date_to`: on from `date_from`), None is a day ago and now, `strawb_all` is since deployment.
        `extensions` are ends of file names, sizes are bytes as archived. The columns `filename` and `outPath` come
        first; `synced` says which files are here whole. A DataFrame where pandas is installed, else `Records`.
        Raises `InputError` for what cannot be meant and for a device that ONC does not know.
        """
        from oncsync.compat.listings import make_files_table, of_size, with_ending

        begin, end = read_moments(date_from, date_to, self._now())
        files = self._list_devices(_as_list(dev_codes, dev_codes_deployed), begin, end)
        kept = of_size(with_ending(files, _as_list(extensions, ())), min_file_size, max_file_size)
        if files and not kept:
            self._tell("warning", f"None of the {len(files):,} files listed passes `extensions` and the sizes")
        return make_files_table(kept, self.outPath, self._memory())

    def _list_devices(self, codes: Sequence[str], begin: datetime, end: datetime) -> list[ArchiveFile]:
        from oncsync.compat.listings import list_device

        if not codes:
            raise InputError("`dev_codes` names no device")
        with self._connected() as session:
            files = [file for code in dict.fromkeys(codes) for file in list_device(session, code, begin, end)]
        self._listed.update((file.name, file) for file in files)
        return files

    def getListByDevice(self, filters: Mapping[str, Any], allPages: bool = True) -> dict[str, Any]:
        """Lists archive files, always all pages: `{"files": [...]}` with names, or rows for `returnOptions: all`.

        The filters are the service's own, and `extension` and `dataProductName` besides. Raises `InputError`.
        """
        from oncsync.compat.listings import file_row

        files = self._list_filtered(filters)
        wants_rows = filters.get("returnOptions") == "all"
        return {"files": [file_row(file) if wants_rows else file.name for file in files]}

    getListByLocation = getListByDevice

    def _list_filtered(self, filters: Mapping[str, Any]) -> list[ArchiveFile]:
        from oncsync.compat.listings import list_filtered

        with self._connected() as session:
            files = list_filtered(session, filters)
        self._listed.update((file.name, file) for file in files)
        return files

    def getDataProducts(self, filters: Mapping[str, str] | None = None) -> Records:
        """Lists the data products that there are, by code, with name and extension; prints as a table.

        `filters` are those of the service: `deviceCode`, `extension`, `dataProductCode`, `locationCode` and others.
        """
        from oncsync.compat.listings import list_products

        with self._connected() as session:
            return list_products(session, filters or {})

    # --- Downloading -------------------------------------------------------------------------------------------

    def download_structured(
        self,
        pd_result: Any = None,
        download: bool = True,
        extensions: str | Iterable[str] | None = None,
        min_file_size: float = 0,
        max_file_size: float | None = None,
        *,
        dev_codes: str | Iterable[str] | None = None,
        date_from: Moment = None,
        date_to: Moment = None,
    ) -> Any:
        """Lists the files of devices (see `get_files_structured`), fetches those that are not here, gives the table.

        `pd_result` is a table of an earlier call, of which what passes the filters is taken; with `download=False`
        nothing is fetched. Raises what `getDirectFiles` raises.
        """
        from oncsync.compat.listings import filter_table, unsynced_rows

        if pd_result is None:
            table = self.get_files_structured(dev_codes, date_from, date_to, extensions, min_file_size, max_file_size)
        else:
            table = filter_table(pd_result, _as_list(extensions, ()), min_file_size, max_file_size)
        rows = unsynced_rows(table)
        self._say_totals(len(table), rows)
        if download:
            if rows:
                self.getDirectFiles({"files": rows})
            self._mark_synced(table)
        return table

    def _say_totals(self, total: int, rows: Sequence[Mapping[str, Any]]) -> None:
        from oncsync.sizes import size_text

        size = size_text(int(sum(row.get("uncompressedFileSize") or row.get("fileSize") or 0 for row in rows)))
        self._say(f"Files: {total:,}; here: {total - len(rows):,}; to download: {len(rows):,}, {size}")

    def _mark_synced(self, table: Any) -> None:
        from oncsync.compat.listings import mark_synced

        mark_synced(table, {str(one["fullPath"]) for one in self.result.get("downloadResults", ())})

    def getDirectFiles(
        self, filters_or_result: Any = None, overwrite: bool = False, allPages: bool = True
    ) -> dict[str, Any]:
        """Fetches exactly the files of a result, each into its own `outPath`, or those that filters name.

        A result is a table, a list of rows or names, or a dictionary with such a list as `files`; a file without an
        `outPath` lies in the downloader's, and so do all that filters name. Files that are here whole are skipped
        unless `overwrite`. Every file is tried, several times if need be; gives (and keeps in `result`)
        `downloadResults` and `stats`.

        Raises `InputError`; `ServiceError` at the end when some files could not be fetched; `TokenError`,
        `FolderError`, `UnreachableError` at once. Calling it again fetches what is missing.
        """
        from oncsync.compat.fetching import Fetcher, sort_out

        begun = time.monotonic()
        memory = self._memory()
        with self._connected() as session:
            wanted, refused = sort_out(self._wanted(session, filters_or_result, memory))
            fetcher = Fetcher(session, memory, self._tell, threads=self.download_threads, overwrite=overwrite)
            outcomes = [*fetcher.fetch(wanted), *refused]
        self.result = _result_of(outcomes, time.monotonic() - begun)
        stats = self.result["stats"]
        self._say(f"Fetched: {stats['fileCount']:,}; here before: {stats['skipped']:,}; failed: {stats['failed']:,}")
        _raise_failures(outcomes)
        return self.result

    def _wanted(self, session: Session, given: Any, memory: Memory) -> list[Wanted]:
        from oncsync.compat.listings import describe, listed_rows, local_path_of, wanted_of_rows

        if given is None:
            raise InputError("`getDirectFiles` needs filters, or a result with `files`")
        if isinstance(given, Mapping) and "files" not in given:
            from oncsync.compat.fetching import Wanted
            from oncsync.compat.listings import list_filtered

            return [Wanted(file, local_path_of(self.outPath, file)) for file in list_filtered(session, given)]
        rows = listed_rows(given["files"] if isinstance(given, Mapping) else given)
        wanted = wanted_of_rows(rows, self.outPath, self._listed)
        return describe(session, wanted, memory, self._listed)

    # --- What belongs together ---------------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[Session]:
        """Opens a session on the server in force; the waits are the engine's."""
        from oncsync.connection import open_session
        from oncsync.engine import pace as paces
        from oncsync.manifest import Manifest
        from oncsync.manifest.model import Settings
        from oncsync.manifest.server import checked_server

        server = checked_server(server_in_force(self._server, self._is_qa), "`server`")
        settings = Settings(download_threads=self.download_threads)
        manifest = Manifest(path=Path(), folder=self.outPath, server=server, settings=settings)
        with open_session(manifest, token=self._token, on_message=lambda text: self._tell("warning", text)) as session:
            session.set_waits(paces.DEFAULT_PACE.first_retry, paces.DEFAULT_PACE.longest_retry)
            yield session

    def _memory(self) -> Memory:
        from oncsync.compat.remembered import Memory

        return Memory(self.outPath)

    def _say(self, text: str) -> None:
        if self.showInfo:
            print(text)


def _as_list(given: str | Iterable[str] | None, default: Sequence[str]) -> list[str]:
    if given is None:
        return list(default)
    if not isinstance(given, str | Iterable):
        raise InputError(f"`{given!r}` is neither a text nor a list of texts", hint="write for example `['wav']`")
    return [given] if isinstance(given, str) else [str(one) for one in given]


def _result_of(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    rows = [
        {
            "file": one.wanted.path.name,
            "filename": one.wanted.listed.name,
            "outPath": str(one.wanted.path.parent),
            "fullPath": str(one.wanted.path),
            "status": one.status,
            "bytes": one.bytes,
            "sha256": one.sha256,
            "message": one.error.message if one.error else one.remark,
        }
        for one in outcomes
    ]
    counts: dict[str, int] = defaultdict(int)
    for one in outcomes:
        counts[one.status] += 1
    stats = {
        "totalSize": sum(one.bytes for one in outcomes),
        "downloadTime": round(seconds, 3),
        "fileCount": counts["completed"],
        "skipped": counts["skipped"],
        "failed": counts["failed"],
    }
    return {"downloadResults": rows, "stats": stats}


def _raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Raises one error that names the files that could not be fetched, so that no script takes them for fetched."""
    failed = [(one.wanted.listed.name, one.error) for one in outcomes if one.error is not None]
    if not failed:
        return
    lines = [f"  `{name}`: {error.message}" for name, error in failed[:MOST_NAMED]]
    lines += [f"  and {len(failed) - MOST_NAMED:,} more"] if len(failed) > MOST_NAMED else []
    kind = UnreachableError if all(isinstance(error, UnreachableError) for _, error in failed) else ServiceError
    raise kind(
        "\n".join([f"{len(failed):,} of {len(outcomes):,} files could not be fetched:", *lines]),
        hint="run the same again: files that are here whole are not fetched again",
    )
