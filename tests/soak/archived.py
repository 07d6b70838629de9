"""Many small files of the archive, fetched through faults and kills: none may be lost, torn or fetched for ever."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from oncsync.api import Session
from oncsync.api.archive import list_archive_files
from oncsync.api.records import ArchiveFile
from oncsync.sandbox import Fault, Faults, Sandbox
from oncsync.sandbox.shelves import DAY, shelves_of
from tests.soak.site import Site, drive
from tests.soak.soak import MOST_MEMORY_KIB, Report
from tests.support.world import TOKEN

DOWNLOAD = "archivefile/download"
RATES = {
    "reset-mid-body": 0.004, "truncated-body": 0.004, "empty-body": 0.004, "long-body": 0.004, "wrong-length": 0.004,
    "no-length": 0.01, "chunked": 0.01, "gzip": 0.01, "slow-drip": 0.001, "close-before-answer": 0.004,
    "reset-before-answer": 0.004, "html-200": 0.004, "json-error-200": 0.004, "status-404": 0.002, "status-500": 0.004,
    "status-502": 0.002, "no-content": 0.002, "honour-range": 0.01, "redirect": 0.001, "connection-refused": 0.0005,
}  # fmt: skip
"""How often a download meets what: about one in twelve goes wrong."""
WORDS = {"slow-drip": {"seconds": 0.01, "bytes": 500}, "connection-refused": {"seconds": 0.2}}


class ArchiveSite(Site):
    """One manifest of archive files and its folder."""

    def __init__(self, directory: Path, server: str, devices: list[str]) -> None:
        directory.mkdir(parents=True)
        self.directory, self.manifest, self.folder = directory, directory / "oncsync.yaml", directory / "data"
        self.manifest.write_text(
            f"version: 1\nserver: {server}\nfolder: data\ndownloads:\n  - name: logs\n    service: archivefile\n"
            f"    deviceCode: [{', '.join(devices)}]\n    extension: txt\n    begin: 2009-01-01\n    end: 2026-01-01\n"
            "    latest: true\n",
            encoding="utf-8",
        )


def fetch_many(
    directory: Path, *, files: int, minutes: float, kill_every: tuple[float, float], seed: int, report: Report
) -> None:
    """Fetches at least so many log files of a kilobyte or two while downloads fail and processes are killed."""
    with Sandbox(token=TOKEN, seed=seed) as sandbox:
        devices = list(choose_devices(sandbox, files))
        listed = {file.name: file for device in devices for file in list_logs(sandbox, device)}
        report.tell(f"{len(listed)} files of {len(devices)} devices")
        site = ArchiveSite(directory / "archive", sandbox.url, devices)
        faults = [Fault(name, on=DOWNLOAD, probability=rate, **WORDS.get(name, {})) for name, rate in RATES.items()]  # type: ignore[arg-type]
        sandbox.faults = Faults(faults, seed=seed)
        began, asked_before = time.monotonic(), len(sandbox.asked)
        driven = drive(
            site, directory / "state", kill_every=kill_every, until=began + 60 * minutes, rng=random.Random(seed)
        )
        spent = time.monotonic() - began
        asked = Counter(
            dict(one.parameters)["filename"] for one in sandbox.asked[asked_before:] if DOWNLOAD in one.path
        )
        hits = sum(one.fault is not None for one in sandbox.asked[asked_before:])
        ends = ", ".join(f"{count} x {code}" for code, count in sorted(driven.ends.items()))
        report.tell(f"{spent:.0f} s, {asked.total()} downloads, {hits} faults, {driven.kills} kills, ends {ends}")
        report.check(driven.is_done, "every file is done within the time")
        report.check(
            driven.peak_kib <= MOST_MEMORY_KIB, f"memory below 200 MiB (at most {driven.peak_kib / 1024:.0f} MiB)"
        )
        check_folder(sandbox, site, listed, report)
        extra = asked.total() - len(listed) - hits
        most = 12 * driven.kills + len(listed) // 100
        report.check(
            extra <= most, f"a kill costs what was under way alone ({extra} downloads more than files and faults)"
        )
        sandbox.faults = Faults()
        before = len(sandbox.asked)
        again = drive(site, directory / "state", kill_every=None, until=time.monotonic() + 300, rng=random.Random(seed))
        report.check(again.is_done and len(sandbox.asked) == before, "a second sync asks nothing")


def choose_devices(sandbox: Sandbox, files: int) -> Iterator[str]:
    """Yields devices with a log file for each day until there are enough days."""
    days: Counter[str] = Counter()
    for shelf in shelves_of(sandbox.catalogue.deployments):
        if (shelf.rule.product, shelf.rule.extension) == ("LF", "txt"):
            days[shelf.deployment.device.code] += sum(end - begin for begin, end in shelf.spans) // DAY
    chosen = 0
    for device, count in sorted(days.items(), key=lambda one: (one[1], one[0])):
        if chosen < files * 1.1 and 100 < count < 2000:
            chosen += count
            yield device


def list_logs(sandbox: Sandbox, device: str) -> tuple[ArchiveFile, ...]:
    """Gives the log files of a device as the service lists them."""
    with Session(sandbox.url, TOKEN) as session:
        return list_archive_files(session, device_code=device, file_extension="txt").files


def check_folder(sandbox: Sandbox, site: Site, listed: dict[str, ArchiveFile], report: Report) -> None:
    """Compares the folder with the archive, byte by byte."""
    tree = {path.rpartition("/")[2]: content for path, content in site.tree().items() if not path.startswith("latest/")}
    missing, odd = listed.keys() - tree.keys(), tree.keys() - listed.keys()
    report.check(not missing, f"no file is missing ({len(missing)} are)")
    report.check(not odd, f"no file is there that nobody listed ({len(odd)} are)")
    torn = 0
    for name, content in tree.items():
        file = sandbox.archive.find(name)
        torn += file is None or content != b"".join(sandbox.archive.content(file, sandbox.archive.now).blocks())
    report.check(not torn, f"every file has the bytes of the archive ({torn} have not)")
    partial = site.folder / ".oncsync" / "partial"
    report.check(not list(partial.iterdir()), "nothing half is left")
