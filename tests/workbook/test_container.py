"""Files that are no workbook, broken, protected or absurd: one clear error each, never a surprise."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.errors import InputError
from oncsync.workbook import container, read_workbook
from tests.workbook.books import change_parts, configuration_rows, location_rows, save_book

OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_workbook(path)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b'{"downloads": []}', "is a JSON file"),
        (b"\xef\xbb\xbf [1]", "is a JSON file"),
        (b"<html><table></table></html>", "is not an Excel workbook"),
        (b"locationCode,begin\n", "is not an Excel workbook"),
        (OLE + bytes(2000), "is in an old Excel format"),
        (OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le"), "is protected by a password"),
        (b"PK\x03\x04 and then nothing", "is damaged"),
    ],
)
def test_the_content_decides_what_a_file_is(content: bytes, message: str, tmp_path: Path) -> None:
    """I-16: whatever the file is called."""
    path = tmp_path / "download.xlsx"
    path.write_bytes(content)
    error = refusal(path)
    assert message in error.message
    assert str(path) in error.message


def test_a_workbook_is_read_under_any_name(tmp_path: Path) -> None:
    """I-16."""
    path = save_book(tmp_path, {"By Location": location_rows({})}, name="download.xlsx")
    assert len(read_workbook(path.rename(tmp_path / "download.json")).rows) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "There is no workbook" in refusal(tmp_path / "download.xlsx").message


def test_a_folder_is_no_workbook(tmp_path: Path) -> None:
    assert "Cannot read" in refusal(tmp_path).message


def test_the_documents_misspelled_suffix_is_found_and_noted(tmp_path: Path) -> None:
    """R30, I-5."""
    save_book(tmp_path, {"By Location": location_rows({})}, name="download.xlsx").rename(tmp_path / "download.xlxs")
    book = read_workbook(tmp_path / "download.xlsx")
    assert len(book.rows) == 1
    assert "`download.xlxs` was read instead" in book.notes[0]


def test_the_right_suffix_wins_over_the_misspelled_one(tmp_path: Path) -> None:
    save_book(tmp_path, {"By Location": location_rows({}, {})}, name="download.xlsx").rename(tmp_path / "download.xlxs")
    path = save_book(tmp_path, {"By Location": location_rows({})}, name="download.xlsx")
    assert len(read_workbook(path).rows) == 1


def test_other_zip_files_are_refused(tmp_path: Path) -> None:
    for part in ("mimetype", "xl/workbook.bin", "readme.txt"):
        path = tmp_path / "download.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(part, "content")
        assert "not an Excel workbook in the `.xlsx` format" in refusal(path).message


def test_values_from_other_workbooks_are_refused(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    change_parts(path, lambda _, content: content, xl__externalLinks__externalLink1=b"<externalLink/>")
    error = refusal(path)
    assert "takes values from other workbooks" in error.message
    assert "Break Link" in str(error.hint)


def test_a_part_that_packs_too_well_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    change_parts(path, lambda _, content: content, xl__media__image1=bytes(40 * 2**20))
    assert "no real workbook does" in refusal(path).message


def test_a_huge_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    monkeypatch.setattr(container, "MAX_PARTS", 3)
    assert "no real workbook does" in refusal(path).message


def test_parts_held_as_a_whole_have_a_lower_limit_than_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    monkeypatch.setattr(container, "MAX_SHARED_BYTES", 100)
    assert "no real workbook does" in refusal(path).message


def test_a_size_in_the_directory_that_lies_reads_no_more_than_it_says(tmp_path: Path) -> None:
    """A bomb that claims to be small is cut at what it claims, and then is damaged."""
    path = save_book(tmp_path, {"By Location": location_rows(*[{}] * 200)})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    name_at = content.rindex(b"xl/worksheets/sheet1.xml")
    assert struct.unpack_from("<I", content, name_at - 46 + 24) == (size,)
    struct.pack_into("<I", content, name_at - 46 + 24, 1000)
    path.write_bytes(bytes(content))
    assert "damaged" in refusal(path).message


def test_a_password_on_the_parts_is_named(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(bytes(content))
    assert "protected by a password" in refusal(path).message


def test_a_damaged_sheet_is_named(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({}, {})})

    def cut(part: str, content: bytes) -> bytes:
        return content[: len(content) * 2 // 3] if part.endswith("sheet1.xml") else content

    change_parts(path, cut)
    assert "`By Location` cannot be read" in refusal(path).message


def test_what_the_file_says_about_its_size_is_not_believed(tmp_path: Path) -> None:
    for dimension in (b'<dimension ref="A1:XFD1048576"/>', b'<dimension ref="A1"/>', b""):
        path = save_book(tmp_path, {"By Location": location_rows({}, {})})

        def change(part: str, content: bytes, dimension: bytes = dimension) -> bytes:
            start = content.find(b"<dimension")
            if not part.endswith("sheet1.xml"):
                return content
            end = content.index(b">", start) + 1
            return content[:start] + dimension + content[end:]

        change_parts(path, change)
        assert len(read_workbook(path).rows) == 2


def test_an_absurd_row_number_ends_the_sheet_instead_of_filling_it(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({}, {})})

    def change(_: str, content: bytes) -> bytes:
        return content.replace(b'<row r="3"', b'<row r="99999999999"')

    change_parts(path, change)
    assert len(read_workbook(path).rows) == 1


def test_entities_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    path = save_book(tmp_path, {"By Location": location_rows({})})
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    prolog = f'<!DOCTYPE worksheet [<!ENTITY e0 "0123456789">{bomb}]>'.encode()

    def change(part: str, content: bytes) -> bytes:
        return prolog + content.replace(b"BACAX", b"&e11;") if part.endswith(("sheet1.xml", "Strings.xml")) else content

    change_parts(path, change)
    assert "damaged" in refusal(path).message


SHEETS = {"By Location": location_rows({}, {"begin": "2015-01-01"}), "Configuration": configuration_rows()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save_book(tmp_path_factory.mktemp("sound"), SHEETS).read_bytes()


def read_or_refuse(path: Path) -> None:
    """Fails on any error but the one that a person can understand."""
    with contextlib.suppress(InputError):
        read_workbook(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5))
def test_any_damage_to_the_file_gives_a_book_or_one_clear_error(
    sound: bytes, tmp_path: Path, edits: list[tuple[float, int]]
) -> None:
    content = bytearray(sound)
    for place, byte in edits:
        content[int(place * len(content))] = byte
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(bytes(content))
    read_or_refuse(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    choice=st.integers(0, 50),
    place=st.floats(0, 1, exclude_max=True),
    change=st.binary(max_size=4),
    cut=st.integers(0, 9),
)
def test_any_damage_inside_a_part_gives_a_book_or_one_clear_error(
    sound: bytes, tmp_path: Path, choice: int, place: float, change: bytes, cut: int
) -> None:
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(sound)
    names = zipfile.ZipFile(io.BytesIO(sound)).namelist()
    chosen = names[choice % len(names)]

    def damage(part: str, content: bytes) -> Any:
        at = int(place * len(content))
        return content[:at] + change + content[at + cut :] if part == chosen else content

    change_parts(path, damage)
    read_or_refuse(path)
