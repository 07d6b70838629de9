"""Loads a manifest: reads it, lays the machine's own file over it, and says every mistake at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oncsync.errors import InputError, ProblemsError
from oncsync.manifest.build import build_download, build_request, build_settings
from oncsync.manifest.checks import check_document, check_settings
from oncsync.manifest.events import check_event_files
from oncsync.manifest.mistakes import Mistakes, UnreadableError, shown
from oncsync.manifest.model import Manifest, Place
from oncsync.manifest.nodes import MapNode, Node, Scalar, read_nodes
from oncsync.manifest.rows import read_rows
from oncsync.manifest.server import checked_server
from oncsync.manifest.source import decode, path_beside, read_limited, shown_path
from oncsync.manifest.typed import Document, type_document
from oncsync.manifest.validate import local_schema, manifest_schema, validate
from oncsync.manifest.variables import Variables

MANIFEST_NAME = "oncsync.yaml"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_ROWS_BYTES = 256 * 1024 * 1024


def load_manifest(
    path: Path,
    *,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Manifest:
    """Reads and checks the manifest at `path`, or what it would be with other `content`.

    `folder` is the value of `--folder`, `overrides` are the values of `--set`, `environment` (the process's own by
    default) may hold `ONCSYNC_FOLDER` and `ONCSYNC_SERVER`. A folder in the manifest or in `oncsync.local.yaml` is
    relative to the manifest, one from the command line or the environment to the current folder.
    Raises `ProblemsError` with every mistake in document order, `InputError` when the file cannot be read.
    """
    return _Loading(path, os.environ if environment is None else environment, overrides or {}).load(folder, content)


def find_manifest(start: Path) -> Path:
    """Gives `oncsync.yaml` in `start` or the nearest folder above it; raises `InputError` when there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / MANIFEST_NAME).is_file():
            return folder / MANIFEST_NAME
    raise InputError(
        f"There is no `{MANIFEST_NAME}` in `{start}` or in a folder above it",
        hint="`oncsync init` starts one here; `-m FILE` names one elsewhere",
    )


def lock_path(manifest_path: Path) -> Path:
    """Gives the place of the lock: beside the manifest, with the suffix `.lock`."""
    return manifest_path.with_suffix(".lock")


def local_path(manifest_path: Path) -> Path:
    """Gives the place of what belongs to one machine: `oncsync.local.yaml` for `oncsync.yaml`."""
    return manifest_path.with_name(f"{manifest_path.stem}.local.yaml")


class _Loading:
    """One load: the mistakes so far and the files they stand in."""

    def __init__(self, path: Path, environment: Mapping[str, str], overrides: Mapping[str, str]) -> None:
        self._path = path
        self._shown = shown_path(path)
        self._environment = environment
        self._overrides = overrides
        self._mistakes = Mistakes()
        self._files = [self._shown]
        self._title = f"The manifest `{self._shown}`"

    def load(self, folder: str | None, content: bytes | None = None) -> Manifest:
        root = self._read(self._path, self._shown, content)
        self._raise_any()
        top = Place(self._shown, 1, 1)
        if not isinstance(root, MapNode):
            raise self._shape_error(root, top)
        self._refuse_newer(root)
        variables = Variables(root, self._overrides, self._mistakes)
        document = type_document(root, manifest_schema(), variables.expand)
        validate(document, manifest_schema(), self._mistakes)
        local = self._read_local(variables)
        settings = {**_mapping(document.value.get("settings")), **_mapping(local.value.get("settings"))}
        self._read_rows(document, variables)
        check_document(document, settings, self._mistakes)
        check_event_files(document, self._path, self._mistakes)
        check_settings(local, self._mistakes)
        variables.check_overrides(top)
        self._raise_any()
        return self._build(document, settings, variables, local.value.get("folder"), folder)

    def _raise_any(self) -> None:
        self._mistakes.raise_any(self._title, self._files)

    def _read(self, path: Path, name: str, content: bytes | None = None) -> Node | None:
        try:
            text = decode(read_limited(path, MAX_MANIFEST_BYTES, name) if content is None else content, name)
        except UnreadableError as error:
            self._mistakes.add(error.place, error.message, error.hint)
            return None
        return read_nodes(text, name, self._mistakes)

    def _shape_error(self, root: Node | None, top: Place) -> ProblemsError:
        if root is None or (isinstance(root, Scalar) and root.is_empty):
            self._mistakes.add(top, "The manifest is empty", "`oncsync init` writes one to start from")
        else:
            lacks_space = isinstance(root, Scalar) and re.match(r"\w+:\S", root.text)
            hint = "write a space after the `:`" if lacks_space else "begin with `downloads:`"
            self._mistakes.add(root.place, "A manifest consists of `key: value` lines", hint)
        return self._mistakes.error(self._title, self._files)

    def _refuse_newer(self, root: MapNode) -> None:
        """A newer version says why its keys are unknown, so it is the only thing worth saying."""
        version = root.get("version")
        if isinstance(version, Scalar) and re.fullmatch(r"\d{1,6}", version.text) and int(version.text) > 1:
            self._mistakes = Mistakes()
            self._mistakes.add(
                version.place,
                f"This manifest has version {version.text}; this oncsync reads version 1",
                "it needs a newer oncsync: `pip install --upgrade oncsync`",
            )
            self._raise_any()

    def _read_local(self, variables: Variables) -> Document:
        path = local_path(self._path)
        empty = Document({}, {(): Place(self._shown, 1, 1)}, {})
        if not path.is_file():
            return empty
        name = shown_path(path)
        self._files.append(name)
        root = self._read(path, name)
        if root is None or (isinstance(root, Scalar) and root.is_empty):
            return empty
        document = type_document(root, local_schema(), variables.expand)
        validate(document, local_schema(), self._mistakes)
        return document if isinstance(document.value, dict) else empty

    def _read_rows(self, document: Document, variables: Variables) -> None:
        """Puts the rows of `requests: {file: ...}` in the place where a list would stand."""
        requests = document.value.get("requests")
        if not isinstance(requests, dict):
            return
        written = requests.get("file")
        document.value["requests"] = []
        if not isinstance(written, str) or not written:
            return
        place = document.place(("requests", "file"))
        path = path_beside(self._path, written)
        if path is None:
            hint = "put the file beside the manifest, or in a folder below it"
            self._mistakes.add(place, f"{shown(written)} lies outside the manifest's folder", hint)
            return
        name = shown_path(self._path.parent / written)
        self._files.append(name)
        try:
            text = decode(read_limited(path, MAX_ROWS_BYTES, name), name)
        except UnreadableError as error:
            self._mistakes.add(error.place, error.message, error.hint)
        except InputError as error:
            self._mistakes.add(place, error.message, "write the name of a CSV file beside the manifest")
        else:
            document.value["requests"] = read_rows(text, name, variables.expand, document, self._mistakes)

    def _build(
        self,
        document: Document,
        settings: Mapping[str, Any],
        variables: Variables,
        local_folder: str | None,
        folder: str | None,
    ) -> Manifest:
        value = document.value
        return Manifest(
            path=self._path,
            server=self._server(value.get("server", "production")),
            folder=self._folder(folder, _own_folder(local_folder) or value.get("folder", "data")),
            vars=variables.values(),
            settings=build_settings(settings),
            downloads=tuple(
                build_download(document, index, self._path) for index in range(len(value.get("downloads", ())))
            ),
            requests=tuple(build_request(document, index) for index in range(len(value.get("requests", ())))),
        )

    def _server(self, written: str) -> str:
        return checked_server(self._environment.get("ONCSYNC_SERVER") or written, "`ONCSYNC_SERVER`")

    def _folder(self, argument: str | None, written: str) -> Path:
        outside = argument or self._environment.get("ONCSYNC_FOLDER")
        folder = outside or written
        if _is_foreign(folder):
            raise InputError(
                f"The folder {shown(folder)} is a Windows path, and this is not Windows",
                hint=f"write `folder:` in `{local_path(self._path).name}`, or set `ONCSYNC_FOLDER` or `--folder`",
            )
        base = Path.cwd() if outside else self._path.parent.absolute()
        try:
            return Path(os.path.normpath(base / Path(folder).expanduser()))
        except RuntimeError:
            raise InputError(f"The folder {shown(folder)} begins with the home of an unknown user") from None


def _is_foreign(folder: str) -> bool:
    """Whether a folder has a drive letter, or the name of a Windows server, where there are none."""
    return os.name != "nt" and re.match(r"[A-Za-z]:[\\/]|\\\\|//[^/]", folder) is not None


def _own_folder(local: str | None) -> str | None:
    """Gives the folder of `oncsync.local.yaml`, None when it is meant for another system: an import leaves it so."""
    return None if local is None or _is_foreign(local) else local


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
