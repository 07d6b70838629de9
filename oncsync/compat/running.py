"""The class `download`: fetches what a workbook asks for, and goes on from where the last run ended.

Sources: R104-R119, and architecture.md "Rooms".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oncsync.compat.given import has_drive, local_folder, local_path
from oncsync.compat.telling import LoggingWatcher, Tell, log, rephrase
from oncsync.errors import ProblemsError, TokenError

if TYPE_CHECKING:
    from oncsync.api import Token
    from oncsync.engine.plan import Plan
    from oncsync.engine.watch import Watcher
    from oncsync.project import Project
    from oncsync.results import ResolveResult, SyncResult


class download:  # the documented name
    """Runs the rows of a workbook whose `download` is on, and keeps what happened in the workbook's `logFile`.

    What there is to say goes to `tell`, the events of the run to `watcher`; both are Python's logging by default.
    """

    __slots__ = ("_server", "_tell", "_watcher", "project", "qa")

    def __init__(
        self, *, qa: bool = False, server: str | None = None, tell: Tell = log, watcher: Watcher | None = None
    ) -> None:
        self.qa = qa
        self._server = server
        self._tell = tell
        self._watcher = watcher or LoggingWatcher()
        self.project: Project | None = None
        """What the last run was made of; None before the first one."""

    def execute(
        self,
        file: str | os.PathLike[str],
        *,
        retry_failed: bool = False,
        wait_for_window: bool = True,
        max_seconds: float | None = None,
        lock_patience: float = 0.0,
        on_plan: Callable[[Plan], None] = lambda plan: None,
    ) -> SyncResult:
        """Runs a workbook, or the one that a log of ours belongs to (R116); a file's content decides what it is.

        Rows that are new or changed are new work, finished ones stay finished, and rows that are off or gone are not
        run (R107). Raises `ProblemsError` with every mistake in the workbook by its cell, `InputError`, `TokenError`,
        `UnreachableError`, `FolderError`, `FolderBusyError`; rows that fail are counted in the result.
        """
        from oncsync.compat import logs
        from oncsync.project import Project

        path = local_path(file)
        if logs.is_json(path):
            manifest, folder = logs.find_manifest(path)
            token = None
        else:
            manifest, folder, token = self._take_workbook(path)
        project = Project(manifest, folder=str(folder), token=token, server=self._server)
        self.project = project
        try:
            return project.sync(
                retry_failed=retry_failed,
                take_over=self._takes_over(project),
                wait_for_window=wait_for_window,
                max_seconds=max_seconds,
                lock_patience=lock_patience,
                watcher=self._watcher,
                on_resolved=self._tell_resolution,
                on_plan=on_plan,
            )
        except ProblemsError as error:
            rows = project.manifest.requests
            names = {str(place): row.name for row in rows for place in (row.place, *row.places.values())}
            raise rephrase(error, f"`{path}` cannot be run:", names) from None
        finally:
            for notice in dict.fromkeys(project.notices):
                self._tell("warning", notice)

    def _take_workbook(self, path: Path) -> tuple[Path, Path, Token | None]:
        """Writes the manifest of a workbook, always anew; gives it, the folder, and the workbook's token."""
        from oncsync.engine.folder import OWN_FOLDER, prepare_folder
        from oncsync.exchange import write_imported
        from oncsync.workbook import book_to_requests, read_workbook

        book = read_workbook(path)
        token = self._take_token(path) if book.has_token else None
        setting = book.setting("downloadFolder")
        text = str(setting.value) if setting is not None else str(path.parent)
        folder = local_folder(text)
        prepare_folder(folder)
        name = path.name if path.suffix else f"{path.name}.xlsx"  # nothing of ours beside it is called so
        manifest = folder / OWN_FOLDER / f"{name}.yaml"
        imported = book_to_requests(
            msgspec.structs.replace(book, has_token=book.has_token and token is None),
            manifest.parent,
            is_windows=os.name == "nt" or has_drive(text),
        )
        imported = msgspec.structs.replace(
            imported, folder="..", folder_is_foreign=False, state=self._usable_log(folder, imported.state)
        )
        for note in imported.notes:
            self._tell("note", note)
        write_imported(
            manifest,
            imported,
            path.name,
            server="qa" if self.qa else "production",
            rows_name=f"{name}.csv",
            by="downloadONC download",
        )
        return manifest, folder, token

    def _take_token(self, path: Path) -> Token | None:
        """Gives the token in the workbook's cell, for this run alone."""
        from oncsync.workbook import read_token

        try:
            token = read_token(path)
        except TokenError:
            self._tell("warning", "The token in the workbook can be none; another one is looked for")
            return None
        if token is not None:
            self._tell(
                "warning",
                "The workbook holds a token. It is used for this run and kept nowhere else; workbooks get passed "
                "around, so take it out and set `ONC_TOKEN`, or store it with `oncsync auth login`",
            )
        return token

    def _usable_log(self, folder: Path, state: str | None) -> str | None:
        """Gives the place of the log in the folder, None for the usual one when somebody else's log is there."""
        from oncsync.compat import logs
        from oncsync.workbook.layout import STATE_PATH

        if state is None or logs.is_ours(folder / state):
            return state
        self._tell(
            "warning",
            f"`{folder / state}` is a log of another program, such as the former downloadONC.py: it is left as it is, "
            f"and what happens is kept in `{folder / STATE_PATH}`",
        )
        return None

    def _takes_over(self, project: Project) -> bool:
        from oncsync.compat import logs
        from oncsync.state import StateStore
        from oncsync.workbook.layout import STATE_PATH

        state = StateStore(project.folder / (project.manifest.settings.state or STATE_PATH)).state
        return logs.check_owner(state, project.path.relative_to(project.folder).as_posix(), project.manifest.server)

    def _tell_resolution(self, resolved: ResolveResult) -> None:
        for remark in resolved.remarks:
            self._tell("warning", f"{remark.entry}: {remark.message}")
        for failure in resolved.failures:
            self._tell("warning", f"{failure.entry} could not be worked out: {failure.error}")
