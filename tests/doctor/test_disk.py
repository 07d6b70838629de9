"""The file system below the folder: space, writing, names, locks; nothing of the probe stays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from oncsync.doctor import Report
from oncsync.doctor.disk import check_disk, file_system
from oncsync.doctor.machine import Machine
from tests.doctor.conftest import MANIFEST, Diagnose, finding, machine, own, tree, write_manifest


def failing(number: int, text: str) -> object:
    """Gives a way to write that the system refuses."""

    def write(path: Path, content: bytes) -> None:
        raise OSError(number, text, str(path))

    return write


def of_folder(diagnose: Diagnose, tmp_path: Path, **changed: object) -> Report:
    """Looks at a folder that a sync has used."""
    own(tmp_path)
    return diagnose(offline=True, folder="data", **changed)


def test_a_disk_in_order_is_really_written_to(tmp_path: Path) -> None:
    """In `.oncsync/`, where arriving files lie, so that a rename there is the rename that counts."""
    place = own(tmp_path)
    written: list[Path] = []

    def write(path: Path, content: bytes) -> None:
        written.append(path)
        path.write_bytes(content)

    found = check_disk(tmp_path / "data", machine(write=write))
    assert [one.verdict for one in found] == ["ok"] * 4
    assert all(place in path.parents for path in written)
    assert len(written) >= 3
    assert tree(place) == {"partial": None}


@pytest.mark.parametrize(
    ("number", "text"),
    [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system"), (errno.EDQUOT, "Disk quota")],
)
def test_a_folder_that_cannot_be_written_is_exit_8(diagnose: Diagnose, tmp_path: Path, number: int, text: str) -> None:
    report = of_folder(diagnose, tmp_path, write=failing(number, text))
    writing = finding(report, "writing")
    assert (writing.verdict, report.exit_code) == ("problem", 8)
    assert text.lower() in writing.what
    assert writing.hint
    assert [finding(report, name).verdict for name in ("names", "locking")] == ["skipped"] * 2
    assert list((tmp_path / "data" / ".oncsync").iterdir()) == [tmp_path / "data" / ".oncsync" / "partial"]


def test_a_folder_in_which_nothing_can_be_made_is_exit_8(
    diagnose: Diagnose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path)

    def refuse(path: Path, *arguments: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    report = diagnose(offline=True, folder="data")
    assert (finding(report, "writing").verdict, report.exit_code) == ("problem", 8)


@pytest.mark.parametrize(
    ("free", "verdict", "code"), [(0, "problem", 8), (500_000_000, "warning", 0), (10**10, "ok", 0)]
)
def test_space_runs_low_before_it_is_gone(
    diagnose: Diagnose, tmp_path: Path, free: int, verdict: str, code: int
) -> None:
    report = of_folder(diagnose, tmp_path, free_space=lambda place: free)
    assert (finding(report, "space").verdict, report.exit_code) == (verdict, code)
    assert finding(report, "space").facts["free"] == free


@pytest.mark.parametrize(("free", "verdict", "code"), [(49 * 10**9, "problem", 8), (50 * 10**9, "ok", 0)])
def test_less_than_min_free_is_a_problem_because_a_sync_begins_nothing(
    diagnose: Diagnose, tmp_path: Path, free: int, verdict: str, code: int
) -> None:
    own(tmp_path)
    write_manifest(tmp_path, text=MANIFEST + "settings:\n  minFree: 50 GB\n")
    report = diagnose(offline=True, free_space=lambda place: free)
    assert (finding(report, "space").verdict, report.exit_code) == (verdict, code)
    assert finding(report, "space").facts["minFree"] == 50 * 10**9


def test_the_space_is_that_of_the_disk_the_folder_will_lie_on(tmp_path: Path) -> None:
    asked: list[Path] = []

    def free_space(place: Path) -> int:
        asked.append(place)
        return 10**12

    check_disk(tmp_path / "not" / "yet", machine(free_space=free_space))
    assert asked == [tmp_path]
    assert Machine().free_space(tmp_path) > 0


def test_paths_that_are_too_long_are_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    def write(path: Path, content: bytes) -> None:
        if len(str(path)) > 260:
            raise OSError(errno.ENAMETOOLONG, "File name too long", str(path))
        path.write_bytes(content)

    report = of_folder(diagnose, tmp_path, write=write)
    assert (finding(report, "names").verdict, report.exit_code) == ("warning", 0)
    assert finding(report, "names").facts["longPaths"] is False


def test_a_lock_that_keeps_nobody_out_is_a_problem(diagnose: Diagnose, tmp_path: Path) -> None:
    report = of_folder(diagnose, tmp_path, locks_exclude=lambda path: False)
    assert (finding(report, "locking").verdict, report.exit_code) == ("problem", 1)
    assert "two syncs" in (finding(report, "locking").hint or "")


def test_a_file_system_without_locks_is_a_problem_and_named(diagnose: Diagnose, tmp_path: Path) -> None:
    def refuse(path: Path) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    report = of_folder(diagnose, tmp_path, locks_exclude=refuse, mounts=lambda: "server:/x / nfs4 rw 0 0\n")
    locking = finding(report, "locking")
    assert (locking.verdict, locking.facts["fileSystem"]) == ("problem", "nfs4")
    assert "No locks available" in locking.what
    assert "shared file system (nfs4)" in locking.what


def test_a_shared_file_system_is_noted_where_locks_work(diagnose: Diagnose, tmp_path: Path) -> None:
    locking = finding(of_folder(diagnose, tmp_path, mounts=lambda: f"a / ext4 rw\nb {tmp_path} lustre rw\n"), "locking")
    assert (locking.verdict, locking.facts["shared"]) == ("ok", True)
    assert "other machines" in (locking.hint or "")


def test_a_real_lock_keeps_a_second_one_out(tmp_path: Path) -> None:
    assert Machine().locks_exclude(tmp_path / "lock") is True


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = "a / ext4 rw\nb /data nfs4 rw\nc /data/my\\040disk xfs rw\nd /database tmpfs rw\n"
    assert file_system(mounts, Path("/data/x")) == "nfs4"
    assert file_system(mounts, Path("/data/my disk/x")) == "xfs"
    assert file_system(mounts, Path("/home")) == "ext4"
    assert file_system("", Path("/home")) is None
