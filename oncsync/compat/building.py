"""The class `createXLS`: looks up what exists at ONC for a few filters and writes it into a workbook.

Sources: R11-R19, R78-R81, and architecture.md "Rooms".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from oncsync.compat.filters import ENTRY, FILTERS, METHODS, Codes, read_filters
from oncsync.compat.given import local_folder, local_path, read_token, written_folder
from oncsync.compat.telling import Tell, log, rephrase
from oncsync.errors import InputError, ProblemsError, ServiceError

if TYPE_CHECKING:
    from oncsync.exchange import Exchanged
    from oncsync.lockfile import Lock
    from oncsync.manifest import Download
    from oncsync.project import Project

DEFAULT_NAME = "download.xlsx"
LOG_NAME = "download.json"


class createXLS:  # the documented name
    """Writes a workbook with a row for each data product request that the filters mean.

    `token` is ONC's (None: the one of `ONC_TOKEN`, or the one that is stored); `outPath` is the folder for the data
    files. The filters are attributes: a code, several as a list or separated by commas, or None for everything there
    is. `begin` and `end` have to be set; times without a zone are UTC. With `append` a workbook that is there gets the
    rows it lacks, with `force` it is replaced; else it is refused.
    """

    __slots__ = (
        "_server",
        "_tell",
        "_token",
        "append",
        "begin",
        "dataProductCode",
        "deviceCategoryCode",
        "deviceCode",
        "downloadMethod",
        "end",
        "extension",
        "force",
        "locationCode",
        "outPath",
        "propertyCode",
        "qa",
    )

    def __init__(
        self, token: str | None, outPath: str | os.PathLike[str], *, server: str | None = None, tell: Tell = log
    ) -> None:
        self._token = read_token(token)
        self._server = server
        self._tell = tell
        self.outPath = outPath
        self.begin: object = None
        self.end: object = None
        self.downloadMethod = METHODS[0]
        self.locationCode: Codes = None
        self.deviceCategoryCode: Codes = None
        self.deviceCode: Codes = None
        self.propertyCode: Codes = None
        self.dataProductCode: Codes = None
        self.extension: Codes = None
        self.append = False
        self.force = False
        self.qa = False

    def createWorkbook(self, file: str | os.PathLike[str] | None = None) -> Exchanged:
        """Looks the filters up at ONC and writes the workbook (None: `download.xlsx` in `outPath`, I-5).

        A token that was given is kept for later runs in the user's credential store, and nowhere else. Raises
        `ProblemsError` for filters that cannot be used or match nothing that ever existed, `InputError` for a
        workbook that is there, `TokenError`, `ServiceError`, `FolderError`.
        """
        from oncsync.exchange import check_target, export_workbook

        filters = self._read_filters()
        workbook = local_path(file) if file else local_path(self.outPath) / DEFAULT_NAME
        if self.append and self.force:
            raise InputError("`append` and `force` exclude each other")
        check_target(workbook, append=self.append, force=self.force)
        project = self._write_manifest(filters)
        lock = self._resolve(project)
        self._keep_token(project)
        folder = written_folder(self.outPath)
        written = export_workbook(
            msgspec.structs.replace(project.manifest, server="production"),  # the workbook has no word for another
            lock,
            workbook,
            append=self.append,
            force=self.force,
            methods=METHODS[:2] if filters.download_method == "all" else (filters.download_method,),
            configuration={"downloadFolder": folder, "logFile": f"{folder.rstrip('/')}/{LOG_NAME}"},
        )
        for note in written.notes:
            self._tell("note", note)
        return written

    def _read_filters(self) -> Download:
        codes = {name: getattr(self, name) for name in FILTERS}
        return read_filters(self.downloadMethod, self.begin, self.end, codes)

    def _write_manifest(self, filters: Download) -> Project:
        """Writes the manifest that says what the filters say; the lock of other filters goes."""
        from oncsync.atomic import folder_error
        from oncsync.engine.folder import OWN_FOLDER, prepare_folder
        from oncsync.manifest import download_mapping, write_manifest
        from oncsync.project import Project

        folder = local_folder(self.outPath)
        prepare_folder(folder)
        project = Project(
            folder / OWN_FOLDER / f"{ENTRY}.yaml", folder=str(folder), token=self._token, server=self._server
        )
        server = {"server": "qa"} if self.qa else {}
        manifest = {
            "version": 1,
            **server,
            "folder": "..",
            "settings": {"splitDateRange": "all"},
            "downloads": [download_mapping(filters)],
        }
        write_manifest(
            project.path, manifest, comment="Made by `downloadONC createXLS`, which writes it anew each time."
        )
        try:
            project.lock_path.unlink(missing_ok=True)
        except OSError as error:
            raise folder_error(project.lock_path, error) from error
        return project

    def _resolve(self, project: Project) -> Lock:
        """Asks ONC what the filters mean; tells what is remarkable about it."""
        entry = project.manifest.downloads[0]
        try:
            resolved = project.resolve()
        except ProblemsError as error:
            names = {str(place): f"`{key}`" for key, place in entry.places.items()} | {str(entry.place): ""}
            raise rephrase(error, "These filters cannot be used:", names, f"`{ENTRY}`: ") from None
        finally:
            for notice in dict.fromkeys(project.notices):
                self._tell("warning", notice)
        for failure in resolved.failures:
            raise ServiceError(f"ONC could not be asked: {failure.error}", hint=failure.hint)
        for remark in resolved.remarks:
            self._tell("warning", remark.message)
        repeats = sum(request.same_as is not None for one in resolved.lock.entries for request in one.requests)
        if repeats:
            self._tell("note", f"Rows by device that only repeat rows by location: {repeats:,}; their `download` is N")
        return resolved.lock

    def _keep_token(self, project: Project) -> None:
        """Stores a token that was given and taken by the service, for the runs to come."""
        from oncsync.connection import SANDBOX, server_url
        from oncsync.credentials import keep_token

        server = project.manifest.server
        host = urlsplit(server_url(server)).hostname
        if self._token is not None and server != SANDBOX and host is not None:
            place = keep_token(host, self._token)
            if place is not None:
                self._tell("note", f"The token for {host} is kept in {place}, and not in the workbook")
