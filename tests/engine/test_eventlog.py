"""The log of a folder: one line per event, without the token, and never the reason why a sync ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from oncsync.engine import eventlog
from oncsync.engine.eventlog import EventLog, Watchers
from oncsync.engine.watch import Counts, Notice, Silent
from tests.support.records import at
from tests.support.world import child_environment

NOW = at("2026-11-21T12:00")
TOKEN = "5ec7e70c-0000-4000-8000-00c0ffee0001"


def log_to(path: Path, **more: Any) -> EventLog:
    return EventLog(path, redact=lambda text: text.replace(TOKEN, "***"), now=lambda: NOW, **more)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_event_is_one_line_that_a_script_can_read(tmp_path: Path) -> None:
    """R106, rule 9."""
    log = log_to(tmp_path / "oncsync.log")
    log.notice(Notice(event="ordered", text="ordered (new)", chunk="c", label="BACAX CTD"))
    log.notice(Notice(event="warning", text="two\nlines \u2028\x9b é", level="warning"))
    log.close()
    assert lines(tmp_path / "oncsync.log") == [
        {
            "at": "2026-11-21T12:00:00.000Z",
            "level": "info",
            "event": "ordered",
            "chunk": "c",
            "about": "BACAX CTD",
            "text": "ordered (new)",
        },
        {"at": "2026-11-21T12:00:00.000Z", "level": "warning", "event": "warning", "text": "two\nlines \u2028\x9b é"},
    ]
    assert (tmp_path / "oncsync.log").read_bytes().count(b"\n") == 2


def test_the_services_words_are_in_the_log(tmp_path: Path) -> None:
    """R60, R114: a message on the console and in the log."""
    log = log_to(tmp_path / "oncsync.log")
    log.notice(Notice(event="refused", text="refused: Invalid parameter value (code 127)", level="error"))
    log.close()
    assert "Invalid parameter value" in (tmp_path / "oncsync.log").read_text()


def test_the_token_is_in_no_part_of_a_line(tmp_path: Path) -> None:
    """Rule 5."""
    log = log_to(tmp_path / "oncsync.log")
    log.notice(Notice(event="e", text=f"token={TOKEN}", label=f"dpo_a={TOKEN}"))
    log.close()
    assert TOKEN not in (tmp_path / "oncsync.log").read_text()
    assert lines(tmp_path / "oncsync.log")[0]["about"] == "dpo_a=***"


def test_half_a_character_is_written_all_the_same(tmp_path: Path) -> None:
    log = log_to(tmp_path / "oncsync.log")
    log.notice(Notice(event="e", text="a\ud800b"))
    log.close()
    assert lines(tmp_path / "oncsync.log")[0]["text"] == "a\ud800b"


def test_a_log_goes_on_where_another_stopped(tmp_path: Path) -> None:
    for number in range(2):
        log = log_to(tmp_path / "oncsync.log")
        log.notice(Notice(event="e", text=str(number)))
        log.close()
    assert [line["text"] for line in lines(tmp_path / "oncsync.log")] == ["0", "1"]


def test_a_large_log_is_put_aside_and_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "MOST_BYTES", 500)
    monkeypatch.setattr(eventlog, "KEPT_FILES", 2)
    log = log_to(tmp_path / "oncsync.log")
    for number in range(40):
        log.notice(Notice(event="e", text=f"{number:050}"))
    log.close()
    logs = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("oncsync.log"))
    assert logs == ["oncsync.log", "oncsync.log.1", "oncsync.log.2"]
    assert lines(tmp_path / "oncsync.log")[-1]["text"] == f"{39:050}"


@pytest.mark.parametrize("place", ["absent/oncsync.log", "file/oncsync.log"])
def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    log = log_to(tmp_path / place)
    log.notice(Notice(event="e", text="t"))
    log.progress(Counts())
    log.close()


def test_a_log_that_somebody_holds_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped in the middle of a line must not stop the others."""
    held = threading.Event()
    monkeypatch.setattr(eventlog, "PATIENCE_AT_THE_END", 0.0)
    log = log_to(tmp_path / "oncsync.log")
    assert log._handler is not None
    monkeypatch.setattr(log._handler, "handle", lambda record: held.wait())
    for _ in range(3):
        log.notice(Notice(event="e", text="t"))
    log.close()
    assert not held.is_set(), "whoever writes the log is still held up"
    held.set()


def test_several_processes_may_write_one_log(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from oncsync.engine.eventlog import EventLog\n"
        "from oncsync.engine.watch import Notice\n"
        "log = EventLog(Path(sys.argv[1]), redact=str)\n"
        "for number in range(30): log.notice(Notice(event=sys.argv[2], text='x' * 2000))\n"
        "log.close()\n"
    )
    path = tmp_path / "oncsync.log"
    children = [
        subprocess.Popen([sys.executable, "-c", script, os.fspath(path), name], env=child_environment())
        for name in ("one", "two")
    ]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    events = [line["event"] for line in lines(path)]
    assert (events.count("one"), events.count("two")) == (30, 30)


class Recorder(Silent):
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def notice(self, notice: Notice) -> None:
        self.seen.append(notice)

    def progress(self, counts: Counts) -> None:
        self.seen.append(counts)


def test_several_watchers_see_the_same() -> None:
    one, two = Recorder(), Recorder()
    watchers = Watchers(one, two)
    notice, counts = Notice(event="e", text="t"), Counts(total=3, done=1, empty=1, failed=1)
    watchers.notice(notice)
    watchers.progress(counts)
    assert one.seen == two.seen == [notice, counts]
    assert counts.ended == 3
