"""Tables of results: a pandas DataFrame where pandas is installed, else a list of rows that reads much like one.

Sources: R168, R169, R171.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, SupportsIndex, overload

_MOST_SHOWN = 60


class Column(list[Any]):
    """The values of one column; a comparison gives which rows it holds for, to select rows with."""

    def __lt__(self, other: Any) -> Column:  # type: ignore[override]
        return self._compare(operator.lt, other)

    def __le__(self, other: Any) -> Column:  # type: ignore[override]
        return self._compare(operator.le, other)

    def __gt__(self, other: Any) -> Column:  # type: ignore[override]
        return self._compare(operator.gt, other)

    def __ge__(self, other: Any) -> Column:  # type: ignore[override]
        return self._compare(operator.ge, other)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]
        return self._compare(operator.eq, other)

    def __ne__(self, other: object) -> Column:  # type: ignore[override]
        return ~(self == other)

    __hash__ = None

    def __and__(self, other: Sequence[Any]) -> Column:
        return Column(bool(mine and its) for mine, its in zip(self, other, strict=True))

    def __or__(self, other: Sequence[Any]) -> Column:
        return Column(bool(mine or its) for mine, its in zip(self, other, strict=True))

    def __invert__(self) -> Column:
        return Column(not value for value in self)

    def _compare(self, compare: Callable[[Any, Any], bool], other: object) -> Column:
        return Column(value is not None and bool(compare(value, other)) for value in self)

    @property
    def str(self) -> _Texts:
        """What can be asked of texts."""
        return _Texts(self)

    def isin(self, values: Iterable[Any]) -> Column:
        """Says of each value whether it is one of these."""
        wanted = set(values)
        return Column(value in wanted for value in self)

    def sum(self) -> Any:
        """Adds the values up, those that are missing left out."""
        return sum(value for value in self if value is not None)

    def tolist(self) -> list[Any]:
        """Gives the values as a plain list."""
        return list(self)


class _Texts:
    """What a column of texts can be asked; a part is a text to be found as it stands."""

    def __init__(self, values: Column) -> None:
        self._values = values

    def _ask(self, ask: Callable[[str], bool]) -> Column:
        return Column(isinstance(value, str) and ask(value) for value in self._values)

    def endswith(self, part: str) -> Column:
        """Says which texts end so."""
        return self._ask(lambda text: text.endswith(part))

    def startswith(self, part: str) -> Column:
        """Says which texts begin so."""
        return self._ask(lambda text: text.startswith(part))

    def contains(self, part: str) -> Column:
        """Says which texts hold a part."""
        return self._ask(lambda text: part in text)


class Records(list[dict[str, Any]]):
    """Rows as dictionaries, in order. `rows["name"]` is a column, `rows[["a", "b"]]` are the rows with these columns.

    `rows[mask]` are the rows that a column of yes and no selects, `rows[:5]` the first five.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = (), columns: Sequence[str] = ()) -> None:
        super().__init__(dict(row) for row in rows)
        self.columns = list(columns) or list(dict.fromkeys(name for row in self for name in row))

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return len(self), len(self.columns)

    @overload
    def __getitem__(self, wanted: SupportsIndex) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, wanted: str) -> Column: ...
    @overload
    def __getitem__(self, wanted: slice | list[Any]) -> Records: ...
    def __getitem__(self, wanted: Any) -> Any:
        if isinstance(wanted, str):
            return Column(row[wanted] for row in self)
        if isinstance(wanted, slice):
            return Records(super().__getitem__(wanted), self.columns)
        if not isinstance(wanted, list):
            return super().__getitem__(wanted)
        if not wanted or isinstance(wanted[0], bool):
            return Records((row for row, is_wanted in zip(self, wanted, strict=True) if is_wanted), self.columns)
        return Records(({name: row[name] for name in wanted} for row in self), wanted)

    def head(self, number: int = 5) -> Records:
        """Gives the first rows."""
        return self[:number]

    def to_dict(self, orient: str = "records") -> list[dict[str, Any]]:
        """Gives the rows as plain dictionaries; `records` is the one form there is."""
        if orient != "records":
            raise ValueError(f"`orient={orient!r}` needs pandas; without it write `orient='records'`")
        return [dict(row) for row in self]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        shown = [["" if row[name] is None else str(row[name]) for name in self.columns] for row in self[:_MOST_SHOWN]]
        widths = [max(map(len, cells)) for cells in zip(self.columns, *shown, strict=True)]
        for cells in (self.columns, *shown):
            yield "  ".join(map(str.ljust, cells, widths)).rstrip()
        if len(self) > _MOST_SHOWN:
            yield f"and {len(self) - _MOST_SHOWN:,} more rows"


def make_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, index: str, instants: Sequence[str]
) -> Any:
    """Gives a DataFrame with the column `index` as its index too, `Records` where there is no pandas."""
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return Records(rows, columns)
    frame = pandas.DataFrame.from_records([dict(row) for row in rows], columns=list(columns))
    for name in instants:
        frame[name] = pandas.to_datetime(frame[name], utc=True)
    frame.index = pandas.Index(frame[index].tolist(), dtype=object)
    return frame


def rows_of(table: Any) -> list[Any]:
    """Gives the rows of whatever may hold some: a table of either kind, one of its columns, or a list."""
    return list(table.to_dict(orient="records")) if hasattr(table, "columns") else list(table)
