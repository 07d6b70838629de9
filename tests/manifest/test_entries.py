"""A download is written into a manifest, and entries are taken out; every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from oncsync.errors import InputError
from oncsync.manifest import Manifest, load_manifest
from oncsync.manifest.entries import with_download, without_entries

ENTRY = {"name": "new", "deviceCode": "X", "extension": "000", "begin": "-P1D", "options": {"dpo_average": 600}}
LINES = """\
  - name: new
    deviceCode: X
    extension: '000'
    begin: -P1D
    options: {dpo_average: 600}
"""


def added(tmp_path: Path, text: str, entry: Mapping[str, Any] = ENTRY) -> str:
    """Gives a manifest with one more download."""
    path = tmp_path / "oncsync.yaml"
    path.write_bytes(text.encode())
    content = with_download(path, entry)
    assert path.read_bytes() == text.encode(), "nothing is written here"
    present = load_manifest(path, environment={}, content=content)
    assert present.downloads[-1].name == entry["name"]
    return content.decode()


ONE = "version: 1\ndownloads:\n  - name: a  # mine\n    deviceCode:   A\n    begin: 2020-01-01\n"


def test_an_entry_stands_behind_the_others_and_no_other_byte_changes(tmp_path: Path) -> None:
    assert added(tmp_path, ONE) == ONE + LINES
    rest = "settings: {runThreads: 2} # two\n# The end.\n"
    assert added(tmp_path, ONE + rest) == ONE + LINES + rest


def test_keys_stand_in_the_order_of_the_manifests_own_pages(tmp_path: Path) -> None:
    shuffled = dict(reversed(ENTRY.items()))
    assert added(tmp_path, ONE, shuffled) == ONE + LINES


def test_remarks_behind_the_last_entry_stay_with_it_or_below(tmp_path: Path) -> None:
    """A line of comment that stands deeper than the dashes is the last entry's; what follows a gap is not."""
    own, below = "    # splitDateRange: day\n", "\n  # To try:\n  # - name: next\n"
    assert added(tmp_path, ONE + own + below) == ONE + own + LINES + below


def test_entries_that_are_parted_by_a_line_stay_parted(tmp_path: Path) -> None:
    two = ONE + "\n  - name: b\n    deviceCode: B\n    begin: 2020-01-01\n"
    assert added(tmp_path, two) == two + "\n" + LINES
    tight = ONE + "  - name: b\n    deviceCode: B\n    begin: 2020-01-01\n"
    assert added(tmp_path, tight) == tight + LINES


def test_windows_line_ends_a_mark_and_another_indent_are_kept(tmp_path: Path) -> None:
    text = "\ufeff" + "downloads:\n- name: a\n  deviceCode: A\n  begin: 2020-01-01\n".replace("\n", "\r\n")
    flat = "".join(line[2:] for line in LINES.splitlines(keepends=True)).replace("\n", "\r\n")
    path = tmp_path / "oncsync.yaml"
    path.write_bytes(text.encode())
    assert with_download(path, ENTRY).decode() == text + flat


def test_a_last_line_without_an_end_gets_one(tmp_path: Path) -> None:
    assert added(tmp_path, ONE.rstrip("\n")) == ONE + LINES


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1\n", f"version: 1\n\ndownloads:\n{LINES}"),
        ("downloads: []  # none yet\nversion: 1\n", f"downloads: # none yet\n{LINES}version: 1\n"),
        ("downloads:\nversion: 1\n", f"downloads:\n{LINES}version: 1\n"),
        (
            "downloads: [{name: a, deviceCode: A, begin: 2020-01-01}]\n",
            f"downloads:\n  - {{name: a, deviceCode: A, begin: 2020-01-01}}\n{LINES}",
        ),
    ],
    ids=["no list", "empty brackets", "nothing", "brackets"],
)
def test_a_first_entry_makes_the_list(tmp_path: Path, before: str, after: str) -> None:
    assert added(tmp_path, before) == after


def test_variables_are_written_as_they_were_given(tmp_path: Path) -> None:
    text = "vars: {place: A}\n" + ONE
    content = added(tmp_path, text, {"name": "new", "deviceCode": "${place}", "begin": "2020-01-01"})
    assert "    deviceCode: '${place}'\n" in content


def test_a_manifest_in_braces_cannot_be_added_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="written in braces"):
        added(tmp_path, "{version: 1}\n")


# --- Taking out ----------------------------------------------------------------------------------------------------

ROW = "{name: %s, deviceCode: A, dataProductCode: B, extension: c, begin: 2020-01-01, end: 2020-01-02}"
BOTH = f"""\
# Top.
downloads:
  # about a
  - name: a
    deviceCode: A
    begin: 2020-01-01

  # about b
  - name: b # mine
    deviceCode:   B
    begin: 2020-01-01
requests:
  - {ROW % "one"}
  # about two
  - {ROW % "two"} # spaced   by hand
settings: {{runThreads: 2}} # kept
"""


def load(tmp_path: Path, text: str) -> Manifest:
    """Gives a manifest."""
    path = tmp_path / "oncsync.yaml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path, environment={})


def test_a_download_goes_and_every_comment_stays(tmp_path: Path) -> None:
    ((path, content),) = without_entries(load(tmp_path, BOTH), {"a"})
    gone = "  - name: a\n    deviceCode: A\n    begin: 2020-01-01\n"
    assert content.decode() == BOTH.replace(gone, "")
    assert path == (tmp_path / "oncsync.yaml").resolve()


def test_a_request_goes_and_the_other_keeps_its_text(tmp_path: Path) -> None:
    ((_, content),) = without_entries(load(tmp_path, BOTH), {"one"})
    assert content.decode() == BOTH.replace(f"  - {ROW % 'one'}\n", "")


def test_downloads_in_brackets_are_left_alone_when_a_request_goes(tmp_path: Path) -> None:
    text = "downloads: [{name: a, deviceCode: A, begin: 2020-01-01}]\nrequests:\n" + f"  - {ROW % 'one'}\n"
    ((_, content),) = without_entries(load(tmp_path, text), {"one"})
    assert content.decode().startswith("downloads: [{name: a, deviceCode: A, begin: 2020-01-01}]\n")


def test_requests_in_brackets_are_left_alone_when_a_download_goes(tmp_path: Path) -> None:
    rows = f"requests: [{ROW % 'one'}]\n"
    ((_, content),) = without_entries(load(tmp_path, ONE + rows), {"a"})
    assert content.decode().endswith(rows)
    assert "downloads: []\n" in content.decode()


def test_the_last_of_both_leaves_empty_lists(tmp_path: Path) -> None:
    ((_, content),) = without_entries(load(tmp_path, BOTH), {"a", "b", "one", "two"})
    left = load_manifest(tmp_path / "oncsync.yaml", environment={}, content=content)
    assert (left.downloads, left.requests) == ((), ())
    assert content.decode().count("# about") == 3


def test_a_row_of_a_file_goes_from_that_file(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "name,deviceCode,dataProductCode,extension,begin,end\n"
        "one,A,B,c,2020-01-01,2020-01-02\ntwo,A,B,c,2020-01-01,2020-01-02\n"
    )
    manifest = load(tmp_path, "requests: {file: rows.csv}\n")
    ((path, content),) = without_entries(manifest, {"one"})
    assert path == rows.resolve()
    assert b"one" not in content
    assert b"two,A,B,c,2020-01-01,2020-01-02" in content
