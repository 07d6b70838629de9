"""Opens a workbook file that nobody vouches for: says what it is by its content, refuses what is broken or absurd.

Sources: I-5, I-16. Formulas are never evaluated: the results stored beside them are read, and a formula without a
stored result is reported.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec
from openpyxl import load_workbook
from openpyxl.xml.functions import iterparse

from oncsync.errors import InputError
from oncsync.workbook.cells import RawValue

MAX_UNPACKED_BYTES = 512 * 2**20
MAX_SHARED_BYTES = 128 * 2**20  # one part that is held in memory as a whole, such as the shared texts
MAX_PARTS = 10_000
ABSURD_RATIO = 250  # real sheets pack about 10 to 60 times
ABSURD_RATIO_FROM_BYTES = 16 * 2**20
MAX_ROWS = 1_048_576

_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BLOCK = 2**20
_SAVE_AGAIN = "open it in Excel or LibreOffice, save it as an Excel workbook (.xlsx), and try again"


class Sheet(msgspec.Struct, frozen=True):
    """One sheet of an opened workbook: its title and, by row and column from 1, formulas without a result."""

    title: str
    source: Any
    unsolved: frozenset[tuple[int, int]] = frozenset()

    def rows(self, *, max_column: int | None = None) -> Iterator[tuple[RawValue, ...]]:
        """Yields the values of every row from the first line on; empty rows too. Without limit no row is padded."""
        self.source.reset_dimensions()  # what a file says about its own size is often wrong
        try:
            yield from self.source.iter_rows(max_row=MAX_ROWS, max_col=max_column, values_only=True)
        except Exception:  # noqa: BLE001 - the library raises nearly any class on a damaged sheet
            raise InputError(
                f"The workbook is damaged: its tab `{self.title}` cannot be read", hint=_SAVE_AGAIN
            ) from None  # what the library says may quote cells


@contextmanager
def open_workbook(path: Path) -> Iterator[tuple[list[Sheet], list[str]]]:
    """Opens a workbook for reading; gives its sheets, and notes about how it was found.

    Raises `InputError` for a file that is missing, no workbook, protected, damaged, absurdly large, or that takes
    values from other workbooks.
    """
    path, notes = _tolerate_typo(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns about decorations that it does not read
            _check_content(stream, path)
            yield _open_sheets(stream, path), notes
    except OSError as error:
        raise _unreadable(path, error) from error


def _tolerate_typo(path: Path) -> tuple[Path, list[str]]:
    """Finds `download.xlxs` where `download.xlsx` is missing: the documentation once misspelled it (I-5)."""
    typo = path.with_suffix(".xlxs")
    if not path.exists() and path.suffix.lower() == ".xlsx" and typo.exists():
        return typo, [f"`{path.name}` is not there; `{typo.name}` was read instead, rename it to `.xlsx`"]
    return path, []


def _unreadable(path: Path, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"There is no workbook `{path}`", hint="check the name and the folder")
    reason = (error.strerror or str(error)).lower()
    return InputError(f"Cannot read `{path}`: {reason}", hint="close it in other programs and check its permissions")


def _check_content(stream: IO[bytes], path: Path) -> None:
    """Refuses what is no workbook, by its first bytes and its directory, before anything is unpacked."""
    start = stream.read(4096)
    if start.startswith(_OLE_MAGIC):
        _refuse_ole(start + stream.read(_BLOCK), path)
    if not start.startswith(b"PK"):
        _refuse_plain(start, path)
    try:
        with ZipFile(stream) as archive:
            parts = archive.infolist()
    except (BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise InputError(f"`{path}` is damaged: {str(error).lower()}", hint=_SAVE_AGAIN) from None
    names = {part.filename for part in parts}
    if any(part.flag_bits & 1 for part in parts):
        raise InputError(f"`{path}` is protected by a password", hint="save it without a password and try again")
    if "mimetype" in names or "xl/workbook.bin" in names or "[Content_Types].xml" not in names:
        raise InputError(f"`{path}` is not an Excel workbook in the `.xlsx` format", hint=_SAVE_AGAIN)
    total = sum(part.file_size for part in parts)
    absurd = any(_is_absurd(part) for part in parts)
    if total > MAX_UNPACKED_BYTES or len(parts) > MAX_PARTS or absurd:
        raise InputError(
            f"`{path}` would unpack to {total / 2**20:,.0f} MiB in {len(parts):,} parts, which no real workbook does",
            hint="copy the tabs you need into a new workbook and try again",
        )
    if any("externallinks/" in name.lower() for name in names):
        raise InputError(
            f"`{path}` takes values from other workbooks",
            hint="in Excel choose Data, Edit Links, Break Link; then save it and try again",
        )


def _is_absurd(part: ZipInfo) -> bool:
    """Whether a part is packed like a bomb, or is too large to be held as a whole, as all but sheets are."""
    is_bomb = part.file_size > ABSURD_RATIO_FROM_BYTES and part.file_size > ABSURD_RATIO * max(part.compress_size, 1)
    return is_bomb or (part.file_size > MAX_SHARED_BYTES and "worksheets/" not in part.filename)


def _refuse_ole(content: bytes, path: Path) -> None:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise InputError(f"`{path}` is protected by a password", hint="save it without a password and try again")
    raise InputError(f"`{path}` is in an old Excel format", hint=_SAVE_AGAIN)


def _refuse_plain(start: bytes, path: Path) -> None:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        reason, hint = "is empty", "restore it from a copy, or export it again"
    elif text[:1] in (b"{", b"["):
        reason, hint = "is a JSON file, not a workbook", "name the workbook that it was made from"
    else:
        reason, hint = "is not an Excel workbook", _SAVE_AGAIN
    raise InputError(f"`{path}` {reason}", hint=hint)


def _open_sheets(stream: IO[bytes], path: Path) -> list[Sheet]:
    stream.seek(0)
    try:
        workbook: Any = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        with ZipFile(stream) as archive:
            return [
                Sheet(source.title, source, _unsolved_formulas(archive, source._worksheet_path))
                for source in workbook.worksheets
            ]
    except Exception:  # noqa: BLE001 - the library raises nearly any class on a damaged file
        raise InputError(f"`{path}` is damaged: a part of it cannot be read", hint=_SAVE_AGAIN) from None


def _unsolved_formulas(archive: ZipFile, part: str) -> frozenset[tuple[int, int]]:
    """Finds formulas that no program has worked out yet; sheets without any formula are not parsed for it."""
    with archive.open(part) as stream:
        if not _has_formula(stream):
            return frozenset()
    unsolved, row, column = set(), 0, 0
    with archive.open(part) as stream:
        for event, element in iterparse(stream, events=("start", "end")):
            tag = element.tag.rpartition("}")[2]
            if tag == "row" and event == "start":
                row, column = int(float(element.get("r") or row + 1)), 0
            elif tag == "c" and event == "end":
                column = _column_number(element.get("r")) or column + 1
                children = {child.tag.rpartition("}")[2]: child for child in element}
                solved = "v" in children and (children["v"].text or element.get("t") == "str")
                if "f" in children and not solved:
                    unsolved.add((row, column))
                element.clear()
            elif tag == "row":
                element.clear()
    return frozenset(unsolved)


def _has_formula(stream: IO[bytes]) -> bool:
    tail = b""
    while block := stream.read(_BLOCK):
        if _FORMULA.search(tail + block):
            return True
        tail = block[-32:]
    return False


def _column_number(reference: str | None) -> int:
    number = 0
    for letter in (reference or "").rstrip("0123456789"):
        number = number * 26 + ord(letter.upper()) - 64
    return number
