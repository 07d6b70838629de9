"""What the tests of the manifest share: a manifest from a text, and the mistakes of one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from oncsync.errors import Problem, ProblemsError
from oncsync.manifest import Download, Manifest, Request, load_manifest


def load_text(
    text: str,
    *,
    overrides: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
    beside: Mapping[str, str] | None = None,
) -> Manifest:
    """Loads a manifest that consists of `text`, with the files `beside` it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "oncsync.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        for name, content in (beside or {}).items():
            (path.parent / name).write_text(content, encoding="utf-8", newline="")
        return load_manifest(path, overrides=overrides, environment=environment or {}, folder=folder)


def problems_of(
    text: str, *, overrides: Mapping[str, str] | None = None, beside: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """Gives the mistakes of a manifest, the place without the folder: `oncsync.yaml:2:3`."""
    with pytest.raises(ProblemsError) as caught:
        load_text(text, overrides=overrides, beside=beside)
    return tuple(
        msgspec.structs.replace(problem, where=problem.where.rsplit("/", 1)[-1]) for problem in caught.value.problems
    )


def only_problem(text: str, *, beside: Mapping[str, str] | None = None) -> Problem:
    """Gives the one mistake of a manifest."""
    problems = problems_of(text, beside=beside)
    assert len(problems) == 1, "\n".join(problem.render() for problem in problems)
    return problems[0]


def download_of(lines: str) -> Download:
    """Loads one download from the lines that follow its name."""
    return load_text(f"downloads:\n  - name: x\n{_indented(lines)}").downloads[0]


def download_problem(lines: str) -> Problem:
    """Gives the one mistake of a download, its lines counted from the one after its name."""
    return only_problem(f"downloads:\n  - name: x\n{_indented(lines)}")


def _indented(lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines.strip("\n").splitlines())


def without_places(manifest: Manifest) -> Manifest:
    """Gives the manifest without its path and the places of its entries, to compare what it says."""
    return msgspec.structs.replace(
        manifest,
        path=Path("oncsync.yaml"),
        folder=Path(manifest.folder.name),
        downloads=tuple(_placeless(download) for download in manifest.downloads),
        requests=tuple(_placeless_request(request) for request in manifest.requests),
    )


def _placeless(download: Download) -> Download:
    return msgspec.structs.replace(download, place=None, places={})


def _placeless_request(request: Request) -> Request:
    return msgspec.structs.replace(request, place=None, places={})
