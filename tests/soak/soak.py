"""Two folders, two processes, every fault at once and a kill every few seconds, until both are done."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from oncsync.engine.checks import check_files, our_files
from oncsync.sandbox import Faults, Sandbox
from oncsync.state import StateStore
from tests.soak.ledger import Ledger
from tests.soak.site import Driven, Site, drive
from tests.soak.weather import ODD, bad_weather
from tests.support.world import TOKEN

FIRST_DAYS = (date(2014, 10, 1), date(2018, 9, 1))
MOST_ALIVE = 4
MOST_MEMORY_KIB = 200 * 1024
STEPS = 60.0
"""How often the service is restarted, and how often the token is refused for a second, in seconds."""


@dataclass
class Report:
    """What was seen, line by line, and what was not as it has to be."""

    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """Prints a figure and keeps it."""
        self.lines.append(line)
        print(line, flush=True)

    def check(self, is_so: bool, promise: str) -> None:
        """Prints whether a promise is kept."""
        self.tell(f"{'kept  ' if is_so else 'BROKEN'}  {promise}")
        if not is_so:
            self.broken.append(promise)


def soak(
    directory: Path, *, chunks: int, minutes: float, kill_every: tuple[float, float], seed: int, report: Report
) -> None:
    """Syncs `chunks` chunks in two folders through the worst, and compares them with an undisturbed tree."""
    ledger = Ledger()
    with Sandbox(token=TOKEN, job_seconds=(0.02, 0.3), sync_seconds=0.05, seed=seed) as sandbox:
        calm = [Site(directory / f"calm{number}", sandbox.url, chunks // 2, first)
                for number, first in enumerate(FIRST_DAYS)]  # fmt: skip
        sites = [Site(directory / f"soak{number}", sandbox.url, chunks // 2, first)
                 for number, first in enumerate(FIRST_DAYS)]  # fmt: skip
        began = time.monotonic()
        undisturbed = drive_all(calm, directory / "calm-state", lambda: None, None, began + 60 * minutes, seed)
        report.check(all(one.is_done for one in undisturbed), "undisturbed syncs of both folders end with 0")
        report.tell(f"undisturbed: {time.monotonic() - began:.0f} s, {len(sandbox.asked)} questions")
        for site, reference in zip(sites, calm, strict=True):
            site.take_lock(reference)
        ledger.watch(sandbox)
        began, asked_before = time.monotonic(), len(sandbox.asked)
        with storm(sandbox, seed):
            driven = drive_all(
                sites, directory / "state", lambda: ledger.note_kill(sandbox), kill_every, began + 60 * minutes, seed
            )
        report.tell(f"disturbed: {time.monotonic() - began:.0f} s, {len(sandbox.asked) - asked_before} questions")
        tell_processes(driven, report)
        sandbox.faults = Faults()
        if not all(one.is_done for one in driven):
            report.check(False, "every chunk is done within the time")
            drive_all(sites, directory / "state", lambda: None, None, time.monotonic() + 300, seed)
        check_service(sandbox, ledger, asked_before, driven, report)
        for site, reference in zip(sites, calm, strict=True):
            strange = check_tree(site, reference, report)
            for line in tell_files(strange[:3], site, reference, ledger, sandbox):
                report.tell(line)
        before = len(sandbox.asked)
        again = drive_all(sites, directory / "state", lambda: None, None, time.monotonic() + 300, seed)
        calls = [one.path for one in sandbox.asked[before:] if "dataProductDelivery" in one.path]
        report.check(all(one.is_done for one in again) and not calls, "a second sync makes no delivery call")


@contextmanager
def storm(sandbox: Sandbox, seed: int) -> Iterator[None]:
    """Lets everything go wrong: all faults at once, and now and then a restart or a refused token."""
    over = threading.Event()

    def change() -> None:
        steps = 0
        while not over.wait(STEPS / 2):
            steps += 1
            if steps % 2:
                sandbox.stop()
                over.wait(0.5)
                sandbox.start()
            else:
                sandbox.faults = bad_weather(seed + steps, revoked=True)
                over.wait(1.0)
                sandbox.faults = bad_weather(seed + steps)

    sandbox.faults = bad_weather(seed)
    thread = threading.Thread(target=change, name="weather")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def drive_all(
    sites: Sequence[Site],
    state_home: Path,
    on_kill: Callable[[], None],
    kill_every: tuple[float, float] | None,
    until: float,
    seed: int,
) -> list[Driven]:
    """Drives every folder at the same time, with one book of slots."""

    def drive_one(number: int) -> Driven:
        rng = random.Random(f"{seed} {number}")
        return drive(sites[number], state_home, kill_every=kill_every, until=until, rng=rng, on_kill=on_kill)

    with ThreadPoolExecutor(len(sites)) as pool:
        return list(pool.map(drive_one, range(len(sites))))


def tell_processes(driven: Sequence[Driven], report: Report) -> None:
    """Tells of kills, exit codes, memory and journals."""
    for number, one in enumerate(driven):
        ends = ", ".join(f"{count} x {code}" for code, count in sorted(one.ends.items()))
        report.tell(f"folder {number}: {one.kills} kills; ended by itself with {ends or 'nothing'}")
    peak = max(one.peak_kib for one in driven)
    report.check(peak <= MOST_MEMORY_KIB, f"memory of every process below 200 MiB (at most {peak / 1024:.0f} MiB)")
    lost = [line for one in driven for line in one.lost_lines]
    report.check(not lost, f"no journal lost what was written before a kill {lost or ''}")
    codes = {code for one in driven for code in one.ends}
    known = codes <= {0, 3, 4, 5}
    report.check(known, f"every process that ended by itself did so with 0, 3, 4 or 5 ({sorted(codes)})")
    if not known:
        report.tell("\n".join(said for one in driven for said in one.said)[-4000:])


def check_service(
    sandbox: Sandbox, ledger: Ledger, asked_before: int, driven: Sequence[Driven], report: Report
) -> None:
    """Checks what the service saw: how many orders at once, and none twice without a cause."""
    hits: dict[str, int] = {}
    for asked in sandbox.asked[asked_before:]:
        for fault in (asked.fault or "").split("+"):
            if fault:
                hits[fault] = hits.get(fault, 0) + 1
    report.tell(f"faults: {sum(hits.values())} of {len(hits)} kinds")
    placed, ran = ledger.orders()
    doubles = ledger.doubles(sandbox)
    alive = sum(len(one) for one in ledger.alive_at_kills)
    report.tell(f"orders: {placed} placed, {ran} ran; {doubles.after_loss} after a loss; {alive} alive at kills")
    report.check(ledger.peak <= MOST_ALIVE,
                 f"at most {MOST_ALIVE} orders alive at any instant (at most {ledger.peak}; "
                 f"{sandbox.peak_alive_orders} with those of which a fault said that they are over)")  # fmt: skip
    at_kills = {one for alive_then in ledger.alive_at_kills for one in alive_then}
    strange = [one for one in doubles.unexplained if one not in at_kills]
    report.check(not strange, f"no order is placed twice but for one that lived at a kill: "
                              f"{len(doubles.unexplained)} doubles, {len(strange)} of others")  # fmt: skip
    for one in strange[:3]:
        report.tell("\n    ".join([f"order {one}, which was placed again:", *ledger.story(sandbox, one)]))
    report.check(not sandbox.broken, f"the sandbox made no mistake of its own {sandbox.broken[:3] or ''}")


def tell_files(paths: Sequence[str], site: Site, reference: Site, ledger: Ledger, sandbox: Sandbox) -> Iterator[str]:
    """Gives what the state says of files that are missing or different, and all that was asked about their orders."""
    state, tree, whole = StateStore(site.state_path).state, site.tree(), reference.tree()
    owners = {file.path: key for key, chunk in StateStore(reference.state_path).state.chunks.items()
              for file in chunk.files}  # fmt: skip
    for path in paths:
        chunk = state.chunks[owners[path]]
        yield f"{path}: {len(tree.get(path, b''))} bytes, {len(whole[path])} in the undisturbed tree"
        yield f"    {chunk.outcome}, {chunk.reason}, {chunk.notes}"
        place = path.partition("/")[0]
        for (where, begin, _), orders in ledger.placed.items():
            if (where, begin) == (place, str(chunk.begin)):
                for order in orders:
                    yield "\n    ".join([f"order {order}", *ledger.story(sandbox, order)])


def check_tree(site: Site, reference: Site, report: Report) -> list[str]:
    """Checks that every file is whole: equal to the undisturbed one, or as it arrived where the service was odd.

    Gives those that are not.
    """
    store = StateStore(site.state_path)
    ours = our_files(store.state)
    findings = check_files(site.folder, ours)
    report.check(not findings, f"every one of {len(ours)} files is as it arrived {findings[:3] or ''}")
    tree, whole = site.tree(), reference.tree()
    strangers = sorted(set(tree) - {one.file.path for one in ours})
    report.check(not strangers, f"nothing else lies in the folder {strangers[:3] or ''}")
    plain = {path: content for path, content in whole.items() if not path.startswith(f"{ODD}/")}
    data = {path: content for path, content in plain.items() if "/_meta/" not in path}
    lacking = [path for path, content in data.items() if tree.get(path) != content]
    report.check(not lacking, f"all {len(data)} data files equal an undisturbed tree {lacking[:3] or ''}")
    differing = [path for path, content in tree.items()
                 if not path.startswith(f"{ODD}/") and plain.get(path) != content]  # fmt: skip
    meta = sum("/_meta/" in path for path in plain)
    here = sum("/_meta/" in path for path in tree if path in plain)
    report.check(not differing, f"no file differs from it; {here} of {meta} metadata files are here "
                                f"{differing[:3] or ''}")  # fmt: skip
    partial = list((site.folder / ".oncsync" / "partial").iterdir())
    report.check(not partial, f"nothing half is left {[one.name for one in partial[:3]] or ''}")
    outcomes = {key: chunk.outcome for key, chunk in store.state.chunks.items()}
    undone = [key for key, outcome in outcomes.items() if outcome not in ("done", "empty")]
    report.check(not undone, f"all {len(outcomes)} chunks are done {undone[:3] or ''}")
    return [*lacking, *(path for path in differing if path not in lacking)]
