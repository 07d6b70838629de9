"""The lock's canonical text: what is written is read back, and nothing else is read at all."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.errors import FolderError, InputError
from oncsync.lockfile import Lock, LockError, parse_lock, read_lock, render_lock, write_lock
from tests.lockfile.locks import LOCKS
from tests.support.records import (
    BACAX_CTD,
    HOSTILE_CHARACTERS,
    hostile_text,
    make_entry,
    make_lock,
    make_request,
    steady,
)

WEEKLY = make_request("2017-05-03T12:00", "2017-05-20", split="week", day_of_week="WE")
LOCK = make_lock(
    make_entry("axis", make_request("2017-01-01", "2017-04-01", options={"dpo_resample": "average"})),
    make_entry("weeks", WEEKLY, path="{name}/{year}", late_days=2.0, refresh_open="PT6H", metadata=False),
    make_entry("By Location!12", make_request(download=False, chunks=()), kind="row"),
)


def render(lock: Lock, name: str = "oncsync.yaml") -> bytes:
    return render_lock(lock, name)


def yaml_of(text: bytes) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text.decode())


def edited(old: str, new: str) -> bytes:
    """Gives the text of `LOCK` as if someone had edited it."""
    text = render(LOCK).decode()
    assert old in text
    return text.replace(old, new, 1).encode()


# --- What is written is read back ----------------------------------------------------------------------------------


@steady(120)
@given(LOCKS)
def test_a_lock_reads_back_as_it_was_written(lock: Lock) -> None:
    text = render(lock)
    assert parse_lock(text) == lock
    assert render(parse_lock(text)) == text


@steady(60)
@given(LOCKS)
def test_every_line_means_the_same_to_a_yaml_parser(lock: Lock) -> None:
    """Architecture, "The lock": the fast form is YAML 1.2, read line by line and as a whole."""
    text = render(lock)
    records = [json.loads(line[2:]) for line in text.decode().split("\n") if line.startswith("- ")]
    document = yaml_of(text)
    assert document["records"] == records
    assert document["server"] == lock.server
    for record in records[:4]:
        line = next(one for one in text.decode().split("\n") if one.startswith("- ") and json.loads(one[2:]) == record)
        assert yaml_of(line.encode()) == [record]


@given(LOCKS)
@steady(60)
def test_one_record_is_one_line(lock: Lock) -> None:
    """Git compares lines: no text in a record breaks its line, whatever counts as a line break somewhere."""
    records = sum(1 + sum(1 + len(one.chunks) for one in entry.requests) for entry in lock.entries)
    lines = render(lock).decode().splitlines()
    assert sum(line.startswith("- {") for line in lines) == records
    assert len(lines) == records + 4


@given(hostile_text(max_size=40) | st.sampled_from(["a\nversion: 9", "\ud800.yaml", "a\u2028b"]))
@steady(60)
def test_a_manifest_of_any_name_makes_a_lock_that_reads(name: str) -> None:
    text = render(LOCK, name)
    assert parse_lock(text) == LOCK
    assert yaml_of(text)["version"] == 1


def test_the_text_is_canonical_to_the_byte() -> None:
    """The same lock gives the same bytes on every machine; this is what they are."""
    lock = make_lock(
        make_entry("axis", make_request(options={"dpo_b": "2", "dpo_a": "é"}, about={"depth": 982}, doi="10.1/x"))
    )
    assert render(lock).decode() == (
        "# Made by `oncsync resolve` from oncsync.yaml. Do not edit it: change the manifest and resolve again.\n"
        "version: 1\n"
        'server: "production"\n'
        "records:\n"
        '- {"download": "axis", "digest": "f379cb206c52e1b10977"}\n'
        '- {"request": "ce7ea20fd92041b430c7", "locationCode": "BACAX", "deviceCategoryCode": "CTD",'
        ' "dataProductCode": "TSSD", "extension": "csv", "begin": "2017-05-01T00:00:00.000Z",'
        ' "end": "2017-06-01T00:00:00.000Z", "split": "month", "options": {"dpo_a": "é", "dpo_b": "2"},'
        ' "about": {"depth": 982.0}, "doi": "10.1/x"}\n'
        '- {"id": "deae065cc0342daf633b", "begin": "2017-05-01T00:00:00.000Z", "end": "2017-06-01T00:00:00.000Z"}\n'
    )


def test_the_order_of_keys_in_memory_does_not_show() -> None:
    first = make_request(source=BACAX_CTD, options={"dpo_a": "1", "dpo_b": "2"}, defaults={"dpo_c": "3", "dpo_d": "4"})
    second = make_request(
        source=dict(reversed(BACAX_CTD.items())),
        options={"dpo_b": "2", "dpo_a": "1"},
        defaults={"dpo_d": "4", "dpo_c": "3"},
    )
    assert render(make_lock(make_entry("one", first))) == render(make_lock(make_entry("one", second)))


def test_the_first_day_of_the_week_shows_for_weeks_alone() -> None:
    """A setting that cuts nothing must not make two locks differ."""
    monthly = [make_lock(make_entry("one", make_request(day_of_week=day))) for day in ("SU", "MO")]
    weekly = [make_lock(make_entry("one", make_request(split="week", day_of_week=day))) for day in ("SU", "MO")]
    assert monthly[0] == monthly[1]
    assert render(monthly[0]) == render(monthly[1])
    assert render(weekly[0]) != render(weekly[1])


def test_half_a_character_becomes_one_that_can_be_written() -> None:
    lock = make_lock(make_entry("one", make_request(citation="a\ud800b", options={"dpo_\udfff": "\udc00"})))
    request = parse_lock(render(lock)).entries[0].requests[0]
    assert (request.citation, request.options) == ("a\ufffdb", {"dpo_\ufffd": "\ufffd"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_column_that_is_no_number_reads_back_as_no_value(value: float) -> None:
    lock = make_lock(make_entry("one", make_request(about={"depth": value, "latitude": 1})))
    assert parse_lock(render(lock)).entries[0].requests[0].about == {"depth": None, "latitude": 1.0}


# --- Many lines together --------------------------------------------------------------------------------------------

MANY = render(make_lock(make_entry("days", make_request("2017-01-01", "2018-01-01", split="day")))).decode()


@pytest.mark.parametrize("number", [7, 100, 371])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"end": "2', '"end": "x'),
        ('{"id": "', '{"id": "../'),
        ("}", ', "more": 1}'),
        ("}", '}, {"id": "00000000000000000000", "begin": "2017-01-01T00:00:00Z", "end": "2017-01-02T00:00:00Z"}'),
        ("}", "}]"),
        ("}", "} "),
    ],
    ids=["no instant", "no id", "another key", "two in a line", "a bracket", "a blank"],
)
def test_of_many_chunks_the_wrong_line_is_named(number: int, old: str, new: str) -> None:
    """Chunks are read together; a mistake is found where it is."""
    lines = MANY.splitlines()
    assert lines[number - 1].startswith('- {"id": ')
    assert len(lines) == 371
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    with pytest.raises(LockError, match=rf"\(line {number}\)"):
        parse_lock(("\n".join(lines) + "\n").encode())


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\ufeff", "\x9f"])
def test_a_character_that_is_always_written_escaped_is_another_form(character: str) -> None:
    """Another reader might take it for the end of a line."""
    text = render(make_lock(make_entry("one", make_request(citation="a b")))).decode()
    with pytest.raises(LockError, match=r"\(line 6\)"):
        parse_lock(text.replace("a b", f"a{character}b").encode())


def test_empty_lines_and_comments_are_passed_over() -> None:
    text = MANY.replace("records:\n", "\n# a remark\nrecords:\n").replace('\n- {"id"', '\n\n# x\n- {"id"', 5)
    assert parse_lock(text.encode()) == parse_lock(MANY.encode())


# --- Files ---------------------------------------------------------------------------------------------------------


def test_an_unchanged_lock_keeps_its_bytes_and_its_mtime(tmp_path: Path) -> None:
    path = tmp_path / "oncsync.lock"
    assert write_lock(path, LOCK, "oncsync.yaml") is True
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    before = path.read_bytes()
    assert write_lock(path, parse_lock(before), "oncsync.yaml") is False
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, 1_000_000_000)


def test_a_changed_lock_is_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "oncsync.lock"
    write_lock(path, LOCK, "oncsync.yaml")
    assert write_lock(path, make_lock(), "oncsync.yaml") is True
    assert read_lock(path) == make_lock()
    assert [entry.name for entry in tmp_path.iterdir()] == ["oncsync.lock"]


def test_there_may_be_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "oncsync.lock") is None


def test_a_lock_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "oncsync.lock").mkdir()
    with pytest.raises(FolderError, match=r"Cannot read .*oncsync\.lock"):
        read_lock(tmp_path / "oncsync.lock")


def test_a_lock_without_entries_is_a_lock() -> None:
    text = render(make_lock())
    assert text.endswith(b"records: []\n")
    assert parse_lock(text) == make_lock()


def test_line_ends_of_another_system_are_read() -> None:
    """Git on Windows may check the lock out with carriage returns."""
    assert parse_lock(render(LOCK).replace(b"\n", b"\r\n")) == LOCK


# --- Nothing else is read ------------------------------------------------------------------------------------------


def test_conflict_markers_are_named_by_line() -> None:
    lines = render(LOCK).decode().split("\n")
    lines[6:6] = ["<<<<<<< HEAD", lines[6], "=======", lines[6], ">>>>>>> theirs"]
    with pytest.raises(LockError, match=r"line 7\)") as caught:
        parse_lock("\n".join(lines).encode(), "oncsync.lock")
    assert "resolve" in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_a_lock_torn_at_any_byte_is_refused_by_line_or_shorter_by_whole_lines() -> None:
    text = render(LOCK)
    for cut in range(len(text)):
        torn = text[:cut]
        if torn.endswith(b"\n") and torn.count(b"\n") > 4:
            assert len(parse_lock(torn).entries) <= len(LOCK.entries)
            continue
        line = torn.count(b"\n") + (not torn.endswith(b"\n"))
        with pytest.raises(LockError) as caught:
            parse_lock(torn)
        assert f"(line {max(line, 1)})" in caught.value.message, cut


@steady(400)
@given(st.integers(0, len(render(LOCK)) - 1), st.integers(1, 255))
def test_a_damaged_byte_never_does_more_than_refuse_the_lock(position: int, change: int) -> None:
    text = bytearray(render(LOCK))
    text[position] ^= change
    with contextlib.suppress(InputError):
        assert render(parse_lock(bytes(text)))


@steady(200)
@given(st.binary(max_size=60) | st.text(HOSTILE_CHARACTERS).map(lambda text: text.encode()))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(LockError, match="line"):
        parse_lock(junk)


@pytest.mark.parametrize("version", ["2", "17", "999999999"])
def test_a_newer_format_is_refused_by_its_number(version: str) -> None:
    with pytest.raises(InputError, match=f"version {version}") as caught:
        parse_lock(edited("version: 1", f"version: {version}"))
    assert not isinstance(caught.value, LockError)
    assert "newer" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["0", "", "²", "1.0", "-1", "01", '"1"', "1 ", "9" * 5000])
def test_what_is_no_version_is_not_taken_for_one(version: str) -> None:
    with pytest.raises(LockError, match=r"line 2\)"):
        parse_lock(edited("version: 1\n", f"version: {version}\n"))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"options": {', '"optoins": {}, "options": {', 6),
        ('"split": "month"', '"split": "fortnight"', 6),
        ('"begin": "2017-01-01T00:00:00.000Z"', '"begin": "2017-01-01T00:00:00.000"', 6),
        ('"begin": "2017-01-01T00:00:00.000Z"', '"begin": 5', 6),
        ('- {"download": "axis", ', '- {"download": "axis", "row": "axis", ', 5),
        ('"refreshOpen": "PT6H"', '"refreshOpen": "often"', 10),
        ('"metadata": false', '"metadata": "no"', 10),
        ("records:\n", "records: []\n", 4),
        ('server: "production"', "server: production", 3),
        ('server: "production"', "sever: production", 3),
        ("- {", "-  {", 5),
        ('"end": "2017-02-01T00:00:00.000Z"}', '"end": "2017-02-01T00:00:00.000Z", "count": 3}', 7),
    ],
)
def test_a_line_in_another_form_is_named(old: str, new: str, line: int) -> None:
    with pytest.raises(LockError, match=rf"\(line {line}\)"):
        parse_lock(edited(old, new))


@pytest.mark.parametrize("chunk", ["../../../etc/cron.d/x", "ABCDEFABCDEFABCDEFAB", "0" * 19, "0" * 20 + "\\n", ""])
def test_an_id_that_could_be_anything_else_in_a_file_name_is_refused(chunk: str) -> None:
    """Rule 7: a cloned lock is untrusted, and ids become parts of file names."""
    known = LOCK.entries[0].requests[0].chunks[0].id
    with pytest.raises(LockError, match=r"line 7\)"):
        parse_lock(edited(f'"id": "{known}"', f'"id": "{chunk}"'))


def test_a_line_that_is_no_text_is_named() -> None:
    lines = render(LOCK).split(b"\n")
    for number in (0, 6):
        damaged = [*lines[:number], b"\xff" + lines[number], *lines[number + 1 :]]
        with pytest.raises(LockError, match=rf"\(line {number + 1}\)"):
            parse_lock(b"\n".join(damaged))


def test_a_chunk_without_a_request_and_a_request_without_an_entry_are_refused() -> None:
    lines = render(LOCK).decode().splitlines(keepends=True)
    for number in (4, 5):
        with pytest.raises(LockError, match=rf"line {number + 1}\)"):
            parse_lock("".join([*lines[:4], *(["# \n"] * (number - 4)), *lines[number + 1 :]]).encode())


def test_rules_about_comments_hold_for_whole_lines_alone() -> None:
    """A comment or a blank line between records is no content."""
    text = render(LOCK).decode().replace("records:\n", "records:\n\n# by hand\n")
    assert parse_lock(text.encode()) == LOCK
