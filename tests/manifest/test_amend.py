"""Requests of a manifest are changed one by one; every byte that no change needs stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.errors import FolderError, InputError, ProblemsError
from oncsync.manifest import Request, format_rows, load_manifest
from oncsync.manifest.amend import NewRow, has_remarks, rewrite_requests, rows_file_name, write_local_folder
from oncsync.manifest.edit import format_node
from oncsync.manifest.mapping import request_mapping
from tests.manifest.support import without_places
from tests.manifest.test_edit import REQUESTS, requests
from tests.manifest.test_load import WHALES

WRITTEN = """\
# Top of the file.
version:   1   # the only one
vars: {place: BACAX}

downloads:
# A comment at the margin.
- name: ctd      # mine
  extension: 000
  begin: 2017-05-01
  options: {dpo_x:   off}   # spaced by hand

  # Something to try:
  # - name: next
requests: # from the workbook
  # the first one
- name: old   # by hand
  locationCode:   "${place}"
  deviceCategoryCode: CTD
  dataProductCode: TSSD
  extension: csv
  begin: 2020-01-01   # new year
  end: 2020-02-01
  # why: nobody knows

# about the second
- {name: second, deviceCode: A,   dataProductCode: B, extension: c, begin: 2020-01-01, end: 2020-01-02}
-
  name: third
  deviceCode: A
  dataProductCode: B
  extension: c
  begin: 2020-01-01
  end: 2020-01-02
  options:
    dpo_a: 1
    dpo_b: 2   # two
# The end.
settings: {runThreads: 2}
"""
NEW = NewRow(REQUESTS[0])


def write(folder: Path, text: str, *, newline: str = "\n") -> Path:
    path = folder / "oncsync.yaml"
    path.write_bytes(text.replace("\n", newline).encode())
    return path


def rewrite(path: Path, *rows: NewRow, without: Sequence[str] = (), move_to: str | None = None) -> str:
    """Rewrites the requests and gives the text of the manifest."""
    rewrite_requests(load_manifest(path, environment={}), rows, without_downloads=without, move_to=move_to)
    return path.read_bytes().decode()


def present(path: Path) -> list[NewRow]:
    return [NewRow(request, index) for index, request in enumerate(load_manifest(path, environment={}).requests)]


def changed(row: NewRow, **members: object) -> NewRow:
    return NewRow(msgspec.structs.replace(row.request, **members), row.index)


def loaded(path: Path) -> tuple[Request, ...]:
    return without_places(load_manifest(path, environment={})).requests


def test_requests_that_do_not_change_leave_every_byte(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    assert rewrite(path, *present(path)) == WRITTEN


def test_a_changed_key_is_all_that_changes(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, *others = present(path)
    text = rewrite(path, changed(first, end="2020-03-01"), *others)
    assert text == WRITTEN.replace("end: 2020-02-01", "end: 2020-03-01", 1)


def test_a_comment_beside_a_changed_key_stays_and_so_does_a_variable_of_another(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, *others = present(path)
    text = rewrite(path, changed(first, begin="2020-01-15"), *others)
    assert text == WRITTEN.replace("begin: 2020-01-01   # new year", "begin: 2020-01-15   # new year")


def test_new_keys_stand_where_they_belong_and_gone_ones_take_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, second, third = present(path)
    text = rewrite(path, changed(first, workbook="a.xlsx", download=False), second, changed(third, options={}))
    expected = WRITTEN.replace(
        "- name: old   # by hand\n", "- name: old   # by hand\n  workbook: a.xlsx\n  download: false\n"
    )
    expected = expected.replace("  options:\n    dpo_a: 1\n    dpo_b: 2   # two\n", "")
    assert text == expected


def test_the_first_key_of_an_entry_may_come_and_go(tmp_path: Path) -> None:
    entry = "  deviceCode: A\n    dataProductCode: B\n    extension: c\n    begin: 2020-01-01\n    end: 2020-01-02\n"
    path = write(tmp_path, f"requests:\n  - download: false\n  {entry}")
    (row,) = present(path)
    assert rewrite(path, changed(row, download=True)) == "requests:\n  - " + entry.lstrip()
    (row,) = present(path)
    assert rewrite(path, changed(row, name="one")) == "requests:\n  - name: one\n  " + entry


def test_an_entry_in_braces_is_written_anew_when_it_changes(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, second, third = present(path)
    text = rewrite(path, first, changed(second, end="2020-01-03"), third)
    assert text.startswith(WRITTEN[: WRITTEN.index("- {name: second")])
    assert text.endswith(WRITTEN[WRITTEN.index("-\n  name: third") :])
    assert "# about the second\n- name: second\n  deviceCode: A\n" in text


def test_a_request_that_goes_takes_its_lines_and_leaves_the_comments(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, _, third = present(path)
    second_line = next(line for line in WRITTEN.splitlines(keepends=True) if "name: second" in line)
    assert rewrite(path, first, third) == WRITTEN.replace(second_line, "")


def test_requests_change_places_with_the_comments_above_them(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    first, second, third = present(path)
    text = rewrite(path, second, first, third)
    assert [request.name for request in loaded(path)] == ["second", "old", "third"]
    assert text.index("# about the second\n- {name: second") < text.index("- name: old   # by hand")
    assert sorted(text.splitlines()) == sorted(WRITTEN.splitlines())


def test_new_requests_take_on_the_indentation_of_the_list(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    text = rewrite(path, *present(path), NEW)
    assert text.replace(format_node([request_mapping(NEW.request)]), "") == WRITTEN
    assert loaded(path)[-1] == NEW.request


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1\n", "version: 1\n\nrequests:\n{new}"),
        ("version: 1", "version: 1\n\nrequests:\n{new}"),
        ("requests: []\nversion: 1\n", "requests:\n{new}version: 1\n"),
        ("requests:\n# none yet\nversion: 1\n", "requests:\n{new}# none yet\nversion: 1\n"),
        ("requests:  []   # none yet\n", "requests: # none yet\n{new}"),
        ("requests: ~", "requests:\n{new}"),
        ("'requests' : [\n]\nfolder: x\n", "'requests' :\n{new}folder: x\n"),
    ],
)
def test_requests_are_added_where_there_were_none(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    new = "".join(f"  {line}\n" for line in format_node([request_mapping(NEW.request)]).splitlines())
    assert rewrite(path, NEW) == expected.replace("{new}", new)
    assert loaded(path) == (NEW.request,)


def test_a_list_in_brackets_gets_a_line_for_each_entry_and_keeps_their_words(tmp_path: Path) -> None:
    one = "{deviceCode: A, dataProductCode:  B, extension: c, begin: 2020-01-01, end: 2020-01-02}"
    path = write(tmp_path, f"requests: [{one}, {one}] # two\nfolder: x\n")
    first, second = present(path)
    text = rewrite(path, first, changed(second, name="named"))
    assert text.startswith(f"requests: # two\n  - {one}\n  - name: named\n    deviceCode: A\n")
    assert text.endswith("\nfolder: x\n")


def test_no_requests_leave_an_empty_list_and_the_comments(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    text = rewrite(path)
    assert loaded(path) == ()
    assert "requests: [] # from the workbook\n  # the first one\n" in text
    assert "# about the second\n# The end.\nsettings: {runThreads: 2}\n" in text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_a_byte_order_mark_stay_what_they_were(tmp_path: Path, newline: str) -> None:
    path = write(tmp_path, "\ufeff" + WRITTEN, newline=newline)
    first, second, third = present(path)
    text = rewrite(
        path, changed(first, path="{year}", end="2020-03-01"), changed(second, end=None, download=False), NEW
    )
    assert text.startswith("\ufeff# Top")
    assert text.count("\n") == text.count(newline) > 20
    assert third.request.name not in [request.name for request in loaded(path)]


def test_a_download_is_taken_out_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, WHALES)
    text = rewrite(path, without=["whales"])
    assert [download.name for download in load_manifest(path, environment={}).downloads] == ["last-day"]
    assert all(line in WHALES.splitlines() for line in text.splitlines())
    text = rewrite(path, NEW, without=["last-day"])
    assert load_manifest(path, environment={}).downloads == ()
    assert "downloads: []" in text


def test_a_link_to_a_manifest_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = write(tmp_path / "real", "version: 1\n")
    path = tmp_path / "oncsync.yaml"
    path.symlink_to(real)
    rewrite(path, NEW)
    assert path.is_symlink()
    assert loaded(real) == (NEW.request,)


def test_what_the_rest_refers_to_is_not_taken_away(tmp_path: Path) -> None:
    text = """\
requests:
  - &base {name: a, deviceCode: A, dataProductCode: B, extension: c, begin: 2020-01-01, end: 2020-01-02}
  - {<<: *base, name: b}
"""
    path = write(tmp_path, text)
    first, second = present(path)
    with pytest.raises(InputError, match="without harm"):
        rewrite(path, changed(first, end="2020-01-03"), second)
    assert path.read_text() == text
    rewrite(path, first, changed(second, download=False))
    assert [request.download for request in loaded(path)] == [True, False]


def test_a_key_that_comes_from_elsewhere_can_be_taken_back(tmp_path: Path) -> None:
    text = """\
requests:
  - &base
    name: a
    download: false
    deviceCode: A
    dataProductCode: B
    extension: c
    begin: 2020-01-01
    end: 2020-01-02
  - <<: *base
    name: b
"""
    path = write(tmp_path, text)
    first, second = present(path)
    rewrite(path, first, changed(second, download=True))
    assert [(request.name, request.download) for request in loaded(path)] == [("a", False), ("b", True)]


def test_a_manifest_in_braces_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '{"version": 1, "requests": []}')
    with pytest.raises(InputError, match="in braces"):
        rewrite(path, NEW)


def test_a_manifest_with_a_mistake_in_its_yaml_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "version: 1\n")
    manifest = load_manifest(path, environment={})
    path.write_bytes(b"folder: @x\n")
    with pytest.raises(ProblemsError, match="cannot begin with"):
        rewrite_requests(manifest, [NEW])
    path.write_bytes(b"# nothing\n")
    with pytest.raises(InputError, match="is empty"):
        rewrite_requests(manifest, [NEW])
    assert path.read_bytes() == b"# nothing\n"


def test_nothing_to_change_touches_no_file(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    before = path.stat().st_mtime_ns
    rewrite(path, *present(path))
    assert path.stat().st_mtime_ns == before


REMARKS = ["", "# a remark\n", "\n", "  # indented: yes\n\n# and more\n"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(requests(), max_size=5, unique_by=lambda request: request.name.lower()),
    draw=st.data(),
)
def test_any_change_is_read_back_and_nothing_else_moves(
    tmp_path: Path, rows: list[Request], draw: st.DataObject
) -> None:
    """Whatever goes, comes, changes and changes places: the requests are the wanted ones, the rest has its bytes."""
    before = draw.draw(
        st.lists(st.sampled_from(range(5)), unique=True).map(lambda ones: [rows[i] for i in ones if i < len(rows)])
    )
    above, below = "version:  1 # x\nrequests:\n", "# below\nfolder: 'x'\n"
    entries = [_indented(format_node([request_mapping(request)])) for request in before]
    pieces = [draw.draw(st.sampled_from(REMARKS)) + entry for entry in entries]
    text = (above if before else above.replace(":\n", ": []\n")) + "".join(pieces) + below
    newline = draw.draw(st.sampled_from(["\n", "\r\n"]))
    path = write(tmp_path, text, newline=newline)
    places = {request.name: index for index, request in enumerate(before)}
    after = [
        msgspec.structs.replace(request, end="2031-01-01", download=not request.download, columns={"a": 1})
        if draw.draw(st.booleans())
        else request
        for request in draw.draw(st.permutations(rows))
        if request.name not in places or draw.draw(st.booleans())
    ]
    written = rewrite(path, *(NewRow(request, places.get(request.name)) for request in after))
    assert loaded(path) == tuple(after)
    assert written.count("\n") == written.count(newline)
    written = written.replace("\r\n", "\n")
    assert written.startswith("version:  1 # x\nrequests:")
    assert written.endswith(below)
    assert written.count("# a remark") == text.count("# a remark")
    assert all(entry in written for request, entry in zip(before, entries, strict=True) if request in after)


def _indented(text: str) -> str:
    return "".join(f"   {line}\n" for line in text.splitlines())


# --- A file of rows ---------------------------------------------------------------------------------------------------

ROWS = """\
Device Code,begin,end,own,data product code,extension,z
${d},2020-01-01,2020-01-02,"a,b",X,y
,,,

A,2020-01-02, 2020-01-03 ,7,X,y,q
"""


def write_rows(folder: Path, rows: str, *, newline: str = "\n") -> Path:
    path = write(folder, "vars: {d: A}\nrequests: {file: r.csv} # many\n")
    (folder / "r.csv").write_bytes(rows.replace("\n", newline).encode())
    return path


def rows_text(folder: Path) -> str:
    return (folder / "r.csv").read_bytes().decode()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_that_do_not_change_leave_every_byte(tmp_path: Path, newline: str) -> None:
    path = write_rows(tmp_path, "\ufeff" + ROWS, newline=newline)
    manifest = path.read_bytes()
    rewrite(path, *present(path))
    assert rows_text(tmp_path) == "\ufeff" + ROWS.replace("\n", newline)
    assert path.read_bytes() == manifest


def test_a_changed_line_keeps_the_words_of_its_other_cells(tmp_path: Path) -> None:
    path = write_rows(tmp_path, ROWS)
    first, second = present(path)
    rewrite(path, changed(first, end="2020-02-01"), second)
    assert rows_text(tmp_path) == ROWS.replace("${d},2020-01-01,2020-01-02", "${d},2020-01-01,2020-02-01", 1).replace(
        "X,y\n", "X,y,\n", 1
    )


def test_a_line_that_goes_takes_nothing_else(tmp_path: Path) -> None:
    path = write_rows(tmp_path, ROWS)
    _, second = present(path)
    rewrite(path, second)
    lines = ROWS.splitlines(keepends=True)
    assert rows_text(tmp_path) == "".join([lines[0], *lines[2:]])


def test_new_lines_use_the_headers_that_are_there_and_add_what_is_missing(tmp_path: Path) -> None:
    """A blank flag would switch a row off, so lines that had no such column get a yes."""
    path = write_rows(tmp_path, ROWS)
    rewrite(path, *present(path), NewRow(REQUESTS[0]), NewRow(REQUESTS[1]))
    lines = rows_text(tmp_path).splitlines()
    assert lines[0].startswith("Device Code,begin,end,own,data product code,extension,z,name,locationCode,")
    assert lines[1].startswith('${d},2020-01-01,2020-01-02,"a,b",X,y,,')
    first, second, third, fourth = loaded(path)
    assert [one.download for one in (first, second, third, fourth)] == [True, True, True, False]
    assert (first.device_code, second.columns["own"]) == ("A", 7)
    assert _filled([third]) == _filled([REQUESTS[0]])
    assert (fourth.name, fourth.extension, fourth.split_date_range) == ("By Device!2", "000", "day")


def test_an_empty_file_gets_a_header(tmp_path: Path) -> None:
    path = write_rows(tmp_path, "deviceCode,begin,end,dataProductCode,extension\n")
    rewrite(path, NEW)
    assert _filled(loaded(path)) == _filled([NEW.request])


def test_a_file_of_rows_that_cannot_be_read_is_a_folder_error(tmp_path: Path) -> None:
    path = write_rows(tmp_path, ROWS)
    manifest = load_manifest(path, environment={})
    (tmp_path / "r.csv").unlink()
    with pytest.raises(FolderError):
        rewrite_requests(manifest, [NEW])


def test_a_list_is_moved_to_a_file_of_rows(tmp_path: Path) -> None:
    path = write(tmp_path, WRITTEN)
    before = loaded(path)
    text = rewrite(path, *present(path), move_to="requests.csv")
    assert "requests: {file: requests.csv} # from the workbook\n" in text
    assert text.startswith(WRITTEN[: WRITTEN.index("requests:")])
    assert text.endswith("# The end.\nsettings: {runThreads: 2}\n")
    assert loaded(path) == before


def test_a_list_with_words_of_its_own_is_told_from_a_plain_one(tmp_path: Path) -> None:
    assert has_remarks(load_manifest(write(tmp_path, WRITTEN), environment={}))
    plain = "requests:\n" + "".join(f"  {line}\n" for line in format_node([request_mapping(REQUESTS[0])]).splitlines())
    assert not has_remarks(load_manifest(write(tmp_path, plain.replace("# c", "c")), environment={}))
    assert not has_remarks(load_manifest(write(tmp_path, "version: 1\n"), environment={}))


def test_a_file_of_rows_is_told_from_a_list(tmp_path: Path) -> None:
    assert rows_file_name(write_rows(tmp_path, ROWS)) == "r.csv"
    assert rows_file_name(write(tmp_path, WRITTEN)) is None
    assert rows_file_name(tmp_path / "none.yaml") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(requests(), min_size=1, max_size=5),
    draw=st.data(),
)
def test_any_change_of_a_file_is_read_back_and_other_lines_stay(
    tmp_path: Path, rows: list[Request], draw: st.DataObject
) -> None:
    """Text, numbers, line breaks and quotes in a person's own cells come back as they were."""
    rows = [
        msgspec.structs.replace(
            row,
            name=f"r{place}",
            options={name: value for name, value in row.options.items() if value.isprintable()},
            columns=_own(row),
        )
        for place, row in enumerate(rows)
    ]
    before = [row for row in rows if draw.draw(st.booleans())]
    path = write_rows(tmp_path, format_rows(before))
    lines = rows_text(tmp_path).split("\n")[:-1]
    assert _filled(loaded(path)) == _filled(before)
    assert len(lines) == len(before) + 1
    places = {row.name: index for index, row in enumerate(before)}
    after = [
        msgspec.structs.replace(row, end="2031-01-01", columns={**row.columns, "own": "007"})
        if row.name in places and draw.draw(st.booleans())
        else row
        for row in draw.draw(st.permutations(rows))
    ]
    rewrite(path, *(NewRow(row, places.get(row.name)) for row in after))
    assert _filled(loaded(path)) == _filled(after)
    written = rows_text(tmp_path).split("\n")
    for row, line in zip(before, lines[1:], strict=True):
        assert row not in after or any(one.startswith(line) for one in written)


def _own(row: Request) -> dict[str, str | int | float | bool | None]:
    return {name.strip(): cell for name, cell in row.columns.items() if name.strip() and name.strip() == name}


def _filled(rows: Sequence[Request]) -> list[Request]:
    """Gives rows without blank cells: a line of a file has a cell for every column."""
    return [
        msgspec.structs.replace(row, columns={name: cell for name, cell in row.columns.items() if cell is not None})
        for row in rows
    ]


# --- What belongs to one machine --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "# mine\n"])
def test_a_folder_of_one_machine_gets_a_file_of_its_own(tmp_path: Path, before: str) -> None:
    if before:
        (tmp_path / "oncsync.local.yaml").write_text(before)
    assert write_local_folder(tmp_path / "oncsync.yaml", "C:/ONC/${x}/it's")
    text = (tmp_path / "oncsync.local.yaml").read_text()
    assert text == before + "# What belongs to one machine; keep it out of git.\nfolder: 'C:/ONC/$${x}/it''s'\n"


def test_a_folder_joins_what_is_there_and_never_replaces_another(tmp_path: Path) -> None:
    local = tmp_path / "oncsync.local.yaml"
    local.write_text("# mine\nsettings: {runThreads: 2} # two\n")
    assert write_local_folder(tmp_path / "oncsync.yaml", "D:/data")
    assert local.read_text() == "# mine\nfolder: 'D:/data'\nsettings: {runThreads: 2} # two\n"
    assert not write_local_folder(tmp_path / "oncsync.yaml", "E:/data")
    assert "E:" not in local.read_text()
