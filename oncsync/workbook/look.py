"""How an exported workbook looks: fonts, fills, number formats and widths, as the documentation and good taste ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from oncsync.errors import InputError
from oncsync.workbook.cells import EXCEL_ERRORS, escape_text
from oncsync.workbook.layout import DATE_FORMAT, DATE_FORMAT_MILLISECONDS, DAY_FORMAT

MAX_TEXT_LENGTH = 32_767
MAX_LINKS = 65_530
"""How many links a sheet may hold before Excel calls it damaged."""
WIDEST, NARROWEST = 60, 9
_EXACT_DIGITS = 15

_FONT = "Calibri"
_BODY = Font(name=_FONT, size=11)
_BOLD = Font(name=_FONT, size=11, bold=True)
_PLACEHOLDER = Font(name=_FONT, size=11, italic=True, color="FF6B7280")
_MUTED = Font(name=_FONT, size=11, color="FF6B7280")
_LINK = Font(name=_FONT, size=11, color="FF0563C1", underline="single")
_HEADER_LINE = Border(bottom=Side(style="thin", color="FF9CA3AF"))
_HEADER_FILLS = {"filter": "FFDCE9F5", "switch": "FFFFF1CC", "information": "FFF1F3F5", "ours": "FFF1F3F5"}


class Look:
    """The styles of one sheet; each is set up once and shared by all its cells, which makes long sheets quick."""

    def __init__(self, sheet: Any) -> None:
        self.sheet = sheet
        self.links_left = MAX_LINKS
        left, top = Alignment(horizontal="left"), Alignment(vertical="top")
        self._styles: dict[str, Any] = {
            "date": self._style(_BODY, number_format=DATE_FORMAT, alignment=left),
            "milliseconds": self._style(_BODY, number_format=DATE_FORMAT_MILLISECONDS, alignment=left),
            "day": self._style(_BODY, number_format=DAY_FORMAT, alignment=left),
            "figure": self._style(_BODY, alignment=Alignment(horizontal="right", indent=1)),
            "link": self._style(_LINK),
            "muted": self._style(_MUTED),
            "text": self._style(_BODY, number_format="@"),
            "guarded": self._style(_BODY, number_format="@", quotePrefix=True),
            "wrapped": self._style(_MUTED, alignment=Alignment(wrap_text=True, vertical="top")),
            "key": self._style(_BOLD, alignment=top),
            "placeholder": self._style(_PLACEHOLDER, alignment=top),
            "setting": self._style(_BODY, number_format="@", alignment=top),
            "count": self._style(_BODY, alignment=Alignment(vertical="top", horizontal="left")),
        }

    def _style(self, font: Font, **members: Any) -> Any:
        cell: Any = WriteOnlyCell(self.sheet)
        cell.font = font
        for name, value in members.items():
            setattr(cell, name, value)
        return cell._style

    def header(self, text: str, kind: str, *, bold: bool, italic: bool) -> Any:
        """Gives a header cell: bold and italic as documented, tinted by what the column is."""
        cell = self.text(text)
        cell.font = Font(name=_FONT, size=11, bold=bold, italic=italic)
        cell.fill = PatternFill("solid", start_color=_HEADER_FILLS[kind])
        cell.border = _HEADER_LINE
        cell.alignment = Alignment(vertical="center")
        return cell

    def text(self, text: str, style: str | None = None) -> Any:
        """Gives a cell that is text whatever it begins with; what a program could take for a formula is guarded."""
        spelled = escape_text(text)
        if len(spelled) > MAX_TEXT_LENGTH:
            raise InputError(
                f"A text of {len(spelled):,} characters does not fit into a cell: `{text[:40]}...`",
                hint=f"a cell holds {MAX_TEXT_LENGTH:,} characters",
            )
        cell: Any = WriteOnlyCell(self.sheet)
        cell._value = spelled
        cell.data_type = "s"
        if text[:1] in ("=", "+", "-", "@", "\t", "\r") or text in EXCEL_ERRORS:
            cell._style = self._styles["guarded"]
        elif style is not None:
            cell._style = self._styles[style]
        return cell

    def number(self, number: int | float | bool, style: str | None = None) -> Any:
        """Gives a cell that stays a number; one with more digits than Excel keeps becomes text."""
        is_exact = abs(number) < 10**_EXACT_DIGITS if isinstance(number, int) else abs(number) < float("inf")
        if not is_exact:
            return self.text(str(number), style)
        cell: Any = WriteOnlyCell(self.sheet, number)
        if style is not None:
            cell._style = self._styles[style]
        return cell

    def moment(self, instant: datetime, *, day_only: bool = False) -> Any:
        """Gives a date cell; years before Excel's calendar begins become text."""
        instant = instant.replace(tzinfo=None)
        if instant.year < 1901:
            return self.text(instant.isoformat(" ", timespec="milliseconds"))
        cell: Any = WriteOnlyCell(self.sheet, instant)
        cell._style = self._styles["milliseconds" if instant.microsecond else "day" if day_only else "date"]
        return cell

    def link(self, address: str) -> Any:
        """Gives a cell that opens a web address; any other text, and links beyond Excel's limit, stay text."""
        if not address.startswith(("https://", "http://")) or len(address) > 2000 or self.links_left <= 0:
            return self.text(address)
        self.links_left -= 1
        cell = self.text(address, "link")
        cell.hyperlink = address
        return cell


def fitted_width(header: str, longest: int, cap: int) -> float:
    """Gives a column's width in characters: its content's, at least its header's with the filter's arrow."""
    return float(min(WIDEST, max(NARROWEST, len(header) + 4, min(longest + 2, cap))))
