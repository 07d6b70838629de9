"""Answers are kept for a day: safely, without the token, and never longer or for another question."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncsync.api import Answer, Token
from oncsync.cache import AnswerCache, RememberingAsker, cache_folder, tidy
from oncsync.errors import FaultError, NotFoundError
from oncsync.timespan import UTC
from tests.support.world import child_environment

TOKEN = Token("5ec7e70c-0000-4000-8000-00c0ffee0001")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERVER = "https://data.oceannetworks.ca/"
BODY = [{"locationCode": "NA", "locationName": "ᐃᖃᓗᒃ", "lat": 48.5}]


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.instant = NOW

    def __call__(self) -> datetime:
        return self.instant


class Service:
    """Stands for a session: counts what it is asked."""

    host = "data.oceannetworks.ca"

    def __init__(self, body: Any = BODY, error: Exception | None = None) -> None:
        self.body, self.error, self.asked, self.told = body, error, 0, [""]

    def get_json(self, path: str, params: Mapping[str, str], *, attempts: int | None = None) -> Answer:
        self.asked += 1
        if self.error:
            raise self.error
        return Answer(200, self.body, ("A message",))

    def redact(self, text: str) -> str:
        return TOKEN.redact(text)

    def tell(self, message: str) -> None:
        self.told.append(message)

    def service_now(self) -> datetime:
        return NOW


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> AnswerCache:
    return AnswerCache(tmp_path / "answers", SERVER, clock)


def keep(cache: AnswerCache, path: str = "api/locations", body: Any = BODY, **params: str) -> None:
    cache.keep(path, params, body, TOKEN.redact)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def test_an_answer_is_found_again_as_it_was(cache: AnswerCache) -> None:
    keep(cache, locationCode="NA")
    found = cache.read("api/locations", {"locationCode": "NA"})
    assert found is not None
    assert (found.body, found.asked) == (BODY, NOW)


def test_another_question_is_another_answer(cache: AnswerCache, tmp_path: Path, clock: Clock) -> None:
    keep(cache, locationCode="NA")
    assert cache.read("api/locations", {}) is None
    assert cache.read("api/locations", {"locationCode": "NB"}) is None
    assert cache.read("api/devices", {"locationCode": "NA"}) is None
    other = AnswerCache(tmp_path / "answers", "https://qa.oceannetworks.ca/", clock)
    assert other.read("api/locations", {"locationCode": "NA"}) is None


def test_the_order_of_parameters_and_the_token_do_not_count(cache: AnswerCache, tmp_path: Path) -> None:
    cache.keep("api/devices", {"b": "1", "a": "2"}, BODY, TOKEN.redact)
    assert cache.read("api/devices", {"a": "2", "b": "1", "token": TOKEN.reveal()}) is not None
    cache.keep("api/devices", {"c": "1", "Token": TOKEN.reveal()}, BODY, TOKEN.redact)
    assert len(entries(tmp_path)) == 2
    assert all(TOKEN.reveal() not in path.read_text() + str(path) for path in entries(tmp_path))


@pytest.mark.parametrize(
    ("path", "params", "body"),
    [
        ("api/locations", {"locationCode": TOKEN.reveal()}, BODY),
        ("api/locations", {}, [{"locationName": f"x {TOKEN.reveal().upper()}"}]),
        ("api/locations", {}, {"queryUrl": f"https://x/?token={TOKEN.reveal()}&a=b"}),
        (f"api/{TOKEN.reveal()}", {}, BODY),
    ],
)
def test_whatever_holds_the_token_is_not_kept(
    cache: AnswerCache, tmp_path: Path, path: str, params: dict[str, str], body: Any
) -> None:
    """R181."""
    cache.keep(path, params, body, TOKEN.redact)
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("age", "is_found"),
    [
        (timedelta(), True),
        (timedelta(hours=23, minutes=59), True),
        (timedelta(days=1), False),
        (timedelta(days=400), False),
        (-timedelta(minutes=4), True),
        (-timedelta(minutes=6), False),
    ],
)
def test_an_answer_lasts_for_a_day(cache: AnswerCache, clock: Clock, age: timedelta, is_found: bool) -> None:
    """One from the future counts only when the clock was set back a little."""
    keep(cache)
    clock.instant = NOW + age
    assert (cache.read("api/locations", {}) is not None) == is_found


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"asked": 5}', b"[" * 100_000, b'{"asked": "yesterday"}',
        b'{"format": 1, "asked": "2026-11-21T12:00:00.000Z", "answer": []}',
    ],
)  # fmt: skip
def test_a_damaged_entry_is_as_good_as_none(cache: AnswerCache, tmp_path: Path, content: bytes) -> None:
    keep(cache)
    (entry,) = entries(tmp_path)
    entry.write_bytes(content)
    assert cache.read("api/locations", {}) is None
    keep(cache)
    assert cache.read("api/locations", {}) is not None, "it is replaced by a whole one"


@pytest.mark.parametrize("change", [{"format": 2}, {"server": "https://example.org/"}, {"parameters": {"a": "b"}}])
def test_an_entry_of_another_format_or_question_is_as_good_as_none(
    cache: AnswerCache, tmp_path: Path, change: dict[str, Any]
) -> None:
    keep(cache)
    (entry,) = entries(tmp_path)
    entry.write_text(json.dumps({**json.loads(entry.read_text()), **change}))
    assert cache.read("api/locations", {}) is None


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_only_plain_files_of_the_user_are_read(cache: AnswerCache, tmp_path: Path) -> None:
    keep(cache)
    (entry,) = entries(tmp_path)
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert cache.read("api/locations", {}) is None
    entry.unlink()
    os.mkfifo(entry)
    assert cache.read("api/locations", {}) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_user_can_read_it(cache: AnswerCache, tmp_path: Path) -> None:
    keep(cache)
    (entry,) = entries(tmp_path)
    assert [path.stat().st_mode & 0o077 for path in (entry, entry.parent, entry.parent.parent)] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are POSIX's")
def test_an_entry_of_another_user_is_as_good_as_none(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(cache)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert cache.read("api/locations", {}) is None


def test_a_place_that_cannot_be_written_is_no_fault(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "answers").write_text("a file")
    cache = AnswerCache(tmp_path / "answers", SERVER, clock)
    keep(cache)
    assert cache.read("api/locations", {}) is None


def test_old_entries_and_what_is_too_much_go_and_nothing_else(
    cache: AnswerCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        keep(cache, number=str(number))
    found = entries(tmp_path)
    for age, entry in enumerate(found):
        os.utime(entry, ((NOW - timedelta(hours=5 * age)).timestamp(),) * 2)
    foreign = [found[0].with_name("notes.json"), tmp_path / "answers" / "mine.json"]
    for path in foreign:
        path.write_text("mine")
        os.utime(path, (0, 0))
    half = found[0].with_name(f".{found[0].name}.abc123.part")
    half.write_text("half")
    os.utime(half, (0, 0))
    monkeypatch.setattr("oncsync.cache.MOST_ENTRIES", 3)
    tidy(tmp_path / "answers", NOW)
    assert [entry.exists() for entry in found] == [True, True, True, False, False, False], "the oldest go first"
    assert all(path.exists() for path in foreign)
    assert not half.exists()
    monkeypatch.setattr("oncsync.cache.MOST_BYTES", found[0].stat().st_size)
    tidy(tmp_path / "answers", NOW)
    assert [entry.exists() for entry in found[:3]] == [True, False, False]
    tidy(tmp_path / "answers", NOW + timedelta(days=2))
    assert not found[0].exists()


def test_the_folder_of_a_service_that_is_gone_goes_too(tmp_path: Path, clock: Clock) -> None:
    gone = AnswerCache(tmp_path, "http://127.0.0.1:4711/", clock)
    keep(gone)
    (entry,) = entries(tmp_path)
    os.utime(entry, (0, 0))
    keep(AnswerCache(tmp_path, SERVER, clock))
    assert not entry.parent.exists()


def test_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_folder() == tmp_path / "oncsync" / "answers"


def test_many_threads_and_processes_read_whole_answers_or_none(tmp_path: Path) -> None:
    """Two commands at once: each reads what the other has just written, or nothing."""
    script = (
        "import sys; from tests.test_cache import *\n"
        "cache = AnswerCache(Path(sys.argv[1]), SERVER, Clock())\n"
        "for _ in range(150):\n"
        "    keep(cache, body=BODY * 500)\n"
        "    found = cache.read('api/locations', {})\n"
        "    assert found is None or found.body == BODY * 500\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, env=child_environment(), stderr=subprocess.PIPE) for _ in range(2)]
    cache = AnswerCache(tmp_path, SERVER, Clock())

    def read(number: int) -> bool:
        keep(cache, body=BODY * 500)
        found = cache.read("api/locations", {})
        return found is None or found.body == BODY * 500

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(200)))
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
    assert [path.name for path in tmp_path.rglob("*") if path.name.endswith(".part")] == []


# --- Who asks through it ---------------------------------------------------------------------------------------


def test_a_question_is_asked_once_in_a_process_and_once_a_day(cache: AnswerCache, clock: Clock) -> None:
    service = Service()
    first = RememberingAsker(service, cache, clock)
    assert first.get_json("api/locations", {}).body == BODY
    assert first.get_json("api/locations", {}).body == BODY
    assert (service.asked, first.kept, first.oldest) == (1, 0, NOW)
    clock.instant = NOW + timedelta(hours=3)
    second = RememberingAsker(service, cache, clock)
    assert second.get_json("api/locations", {}).body == BODY
    assert (service.asked, second.kept, second.oldest) == (1, 1, NOW)
    clock.instant = NOW + timedelta(hours=25)
    third = RememberingAsker(service, cache, clock)
    third.get_json("api/locations", {})
    assert (service.asked, third.kept, third.oldest) == (2, 0, clock.instant)


def test_without_a_cache_nothing_is_written(tmp_path: Path, clock: Clock) -> None:
    service = Service()
    RememberingAsker(service, None, clock).get_json("api/locations", {})
    RememberingAsker(service, None, clock).get_json("api/locations", {})
    assert service.asked == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [NotFoundError("nothing"), FaultError("down")])
def test_only_answers_are_remembered(cache: AnswerCache, clock: Clock, error: Exception) -> None:
    """An outage, or nothing, is asked about again."""
    service = Service(error=error)
    asker = RememberingAsker(service, cache, clock)
    for _ in range(2):
        with pytest.raises(type(error)):
            asker.get_json("api/locations", {})
    assert service.asked == 2
    assert cache.read("api/locations", {}) is None


def test_answers_of_no_use_are_forgotten(cache: AnswerCache, clock: Clock) -> None:
    service = Service()
    asker = RememberingAsker(service, cache, clock)
    asker.get_json("api/locations", {"a": "b"})
    asker.forget()
    assert cache.read("api/locations", {"a": "b"}) is None
    asker.get_json("api/locations", {"a": "b"})
    assert service.asked == 2


def test_what_is_no_question_goes_to_the_service(cache: AnswerCache, clock: Clock) -> None:
    service = Service()
    asker = RememberingAsker(service, cache, clock)
    asker.tell("hello")
    assert service.told[-1] == "hello"
    assert asker.host == "data.oceannetworks.ca"
    assert asker.redact(f"a {TOKEN.reveal()}") == TOKEN.redact(f"a {TOKEN.reveal()}")
    assert asker.service_now() == NOW
