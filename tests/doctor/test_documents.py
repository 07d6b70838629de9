"""Manifest and lock: what a person wrote, and whether the lock still says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncsync.lockfile import Lock, LockEntry, write_lock
from oncsync.manifest import entry_digest, load_manifest
from tests.doctor.conftest import MANIFEST, Diagnose, finding, write_manifest


def write_current_lock(manifest: Path) -> None:
    """Writes the lock of a manifest whose entries match nothing."""
    meant = load_manifest(manifest, environment={})
    entries = tuple(
        LockEntry(kind="download", name=one.name, digest=entry_digest(one, meant.settings)) for one in meant.downloads
    )
    write_lock(manifest.with_suffix(".lock"), Lock(server=meant.server, entries=entries), manifest.name)


def test_no_manifest_is_no_mistake(diagnose: Diagnose) -> None:
    report = diagnose(offline=True)
    assert finding(report, "manifest").verdict == "skipped"
    assert report.exit_code == 0


def test_one_that_was_named_and_is_not_there_is_exit_2(diagnose: Diagnose) -> None:
    report = diagnose(offline=True, manifest="missing.yaml")
    assert (finding(report, "manifest").verdict, report.exit_code) == ("problem", 2)
    assert "missing.yaml" in repr(finding(report, "manifest"))


def test_every_mistake_of_a_manifest_is_listed_and_nobody_is_asked(diagnose: Diagnose, tmp_path: Path) -> None:
    """Which service such a manifest means is not known, so the token is sent to none."""
    write_manifest(tmp_path, text=MANIFEST.replace("begin: 2015-01-01", "begin: yesterday-ish\n    colour: red"))

    def nobody(host: str, port: int) -> list[str]:
        raise AssertionError("no network")

    report = diagnose(resolve=nobody)
    manifest = finding(report, "manifest")
    assert (manifest.verdict, report.exit_code) == ("problem", 2)
    details = "\n".join(manifest.facts["details"])  # type: ignore[arg-type]
    assert "oncsync.yaml:10" in details
    assert "colour" in details
    assert finding(report, "service").verdict == "skipped"
    assert finding(report, "folder").verdict == "skipped"


def test_a_manifest_of_a_newer_oncsync_says_so(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path, text=MANIFEST.replace("version: 1", "version: 2"))
    assert "has version 2" in repr(finding(diagnose(offline=True), "manifest"))


def test_a_current_lock_is_ok(diagnose: Diagnose, tmp_path: Path) -> None:
    write_current_lock(write_manifest(tmp_path))
    report = diagnose(offline=True)
    assert (finding(report, "lock").verdict, finding(report, "lock").facts["current"]) == ("ok", True)


def test_a_lock_that_is_out_of_date_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    path = write_manifest(tmp_path)
    write_current_lock(path)
    path.write_text(path.read_text().replace("2015-04-01", "2015-05-01"))
    report = diagnose(offline=True)
    assert (finding(report, "lock").verdict, report.exit_code) == ("warning", 0)
    assert "oncsync resolve" in (finding(report, "lock").hint or "")


def test_a_missing_lock_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    assert finding(diagnose(offline=True), "lock").what == "there is no `oncsync.lock` yet"


@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n", "version: 99\n", "\x00"])
def test_a_lock_that_cannot_be_read_is_exit_2(diagnose: Diagnose, tmp_path: Path, text: str) -> None:
    write_manifest(tmp_path).with_suffix(".lock").write_text(text)
    report = diagnose(offline=True)
    assert (finding(report, "lock").verdict, report.exit_code) == ("problem", 2)
    assert finding(report, "lock").hint


def test_the_run_window_is_told_in_its_own_zone(diagnose: Diagnose, tmp_path: Path) -> None:
    """At noon UTC it is 05:00 in Vancouver's winter: a window until 06:00 closes at 14:00 UTC."""
    text = MANIFEST + 'settings:\n  beginRun: "22:00:00"\n  endRun: "06:00:00"\n  runTimeZone: America/Vancouver\n'
    write_manifest(tmp_path, text=text)
    window = finding(diagnose(offline=True), "window")
    assert window.facts["open"] is True
    assert window.facts["until"] == "2026-11-21T14:00:00.000Z"
    assert window.what == "open until 2026-11-21 06:00, America/Vancouver"


def test_a_closed_window_says_when_it_opens(diagnose: Diagnose, tmp_path: Path) -> None:
    text = MANIFEST + 'settings:\n  beginRun: "22:00:00"\n  endRun: "06:00:00"\n  runTimeZone: UTC\n'
    write_manifest(tmp_path, text=text)
    window = finding(diagnose(offline=True), "window")
    assert (window.verdict, window.what) == ("ok", "closed until 2026-11-21 22:00, UTC")


def test_no_window_is_always_open(diagnose: Diagnose, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    assert finding(diagnose(offline=True), "window").what.startswith("always open")
