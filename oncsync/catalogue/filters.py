"""What a person asks for: codes, a name, a time. The keys are the manifest's, with its meaning. Pure.

Sources: R34-R46, I-3, open questions 37 and 43.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from oncsync.errors import InputError
from oncsync.manifest.build import split_codes
from oncsync.manifest.model import FILTER_MEMBERS
from oncsync.timespan import FIRST_INSTANT, Span, TimeTextError, evaluate_bounds, format_instant

_YEAR_OR_MONTH = re.compile(r"\d{4}(-\d{2})?", re.ASCII)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold of everything that is listed; an empty tuple or text, or no span, holds of everything.

    `location_codes` are roots: what lies below them counts (R34). Names match any part, in any case. A deployment fits
    a span that it overlaps. `with_empty` keeps what has no data.
    """

    location_codes: tuple[str, ...] = ()
    device_category_codes: tuple[str, ...] = ()
    device_codes: tuple[str, ...] = ()
    property_codes: tuple[str, ...] = ()
    data_product_codes: tuple[str, ...] = ()
    data_product_names: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    name: str = ""
    span: Span | None = None
    with_empty: bool = False

    @property
    def names_instruments(self) -> bool:
        """Whether something narrows the instruments down, so that not everything there is counts."""
        codes = (self.location_codes, self.device_category_codes, self.device_codes, self.property_codes)
        return any(codes) or self.span is not None

    @property
    def names_products(self) -> bool:
        """Whether something narrows the data products down."""
        return bool(self.data_product_codes or self.data_product_names or self.extensions)

    @property
    def counts_empty(self) -> bool:
        """Whether what has no instrument at all is listed: only as long as no instrument is asked for."""
        codes = (self.device_category_codes, self.device_codes, self.property_codes)
        return self.with_empty and not any(codes) and self.span is None and not self.names_products


def read_filters(
    codes: Mapping[str, str | Sequence[str]],
    *,
    begin: str | None = None,
    end: str | None = None,
    name: str | None = None,
    with_empty: bool = False,
    now: datetime,
) -> Filters:
    """Reads filters as they are written: `codes` by the manifest's keys, each one value, several, or comma lists.

    A bound is what the manifest takes (an instant, a date, a duration, `now`), or a year or month alone, which means
    its first instant. Raises `InputError` for a bound that is no time and for a value without text.
    """
    read = {FILTER_MEMBERS[key]: _read_list(key, written) for key, written in codes.items() if written}
    return Filters(
        **read,
        name=(name or "").strip(),
        span=_read_span(begin, end, now),
        with_empty=with_empty,
    )


def _read_list(key: str, written: str | Sequence[str]) -> tuple[str, ...]:
    read = split_codes(written)
    if not read:
        raise InputError(f"`{key}` is given without a value", hint="leave it out for everything there is")
    return read


def _read_span(begin: str | None, end: str | None, now: datetime) -> Span | None:
    if not (begin or end):
        return None
    first, last = _whole_date(begin), _whole_date(end)
    try:
        return evaluate_bounds(first or format_instant(FIRST_INSTANT), last, now)
    except TimeTextError as error:
        cure = f"did you mean `{error.suggestion}`?" if error.suggestion else None
        same = "the end is exclusive: `--begin 2012 --end 2013` is the whole of 2012" if begin == end else None
        message = str(error)
        raise InputError(message[0].upper() + message[1:], hint=cure or same) from None


def _whole_date(text: str | None) -> str | None:
    """Gives `2012-01-01` for `2012` and `2012-03-01` for `2012-03`."""
    bare = (text or "").strip()
    return f"{bare}-01-01"[:10] if _YEAR_OR_MONTH.fullmatch(bare) else bare or None


def given_filters(filters: Filters) -> dict[str, str]:
    """Gives what is asked for by the manifest's keys, lists joined by commas, instants as the service is sent them."""
    given = {key: ",".join(getattr(filters, member)) for key, member in FILTER_MEMBERS.items()}
    given["name"] = filters.name
    if filters.span is not None:
        given |= {"begin": format_instant(filters.span.begin), "end": format_instant(filters.span.end)}
    return {key: text for key, text in given.items() if text}
