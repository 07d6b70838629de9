"""Random deployments, spans and splits for the resolver's pure parts."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from oncsync.resolver.requests import Cut, Site
from oncsync.timespan import DAY_NUMBERS, Span
from tests.resolver.making import at, site

BASE = at("2020-01-01")

instants = st.integers(0, 24 * 120).map(lambda hours: BASE + timedelta(hours=hours)) | st.integers(
    0, 120 * 86_400_000
).map(lambda milliseconds: BASE + timedelta(milliseconds=milliseconds))
"""Instants of four months: full hours, or any millisecond."""
lengths = st.integers(1, 24 * 60).map(lambda hours: timedelta(hours=hours)) | st.integers(1, 60 * 86_400_000).map(
    lambda milliseconds: timedelta(milliseconds=milliseconds)
)
"""Up to two months."""
cuts = st.one_of(
    st.sampled_from(["all", "year", "month", "day"]).map(lambda split: Cut(split, "SU")),
    st.sampled_from(sorted(DAY_NUMBERS)).map(lambda day: Cut("week", day)),
    st.builds(lambda number, unit: Cut(f"P{number}{unit}", "SU"), st.integers(1, 40), st.sampled_from("DWM")),
    st.integers(6, 999).map(lambda hours: Cut(f"PT{hours}H", "SU")),
    st.integers(311, 9999).map(lambda minutes: Cut(f"PT{minutes}M", "SU")),
)
"""Every kind of split: calendar units, weeks from any day, durations."""
moving_bounds = st.sampled_from(
    [("-P3D", "now"), ("-P2M", None), ("-PT7H", "now"), ("2019-12-31", None), ("2019-11-11T11:11:11.111Z", "now")]
)


@st.composite
def windows(draw: st.DrawFn) -> Span:
    """Draws a span of up to two months."""
    begin = draw(instants)
    return Span(begin, begin + draw(lengths))


@st.composite
def deployments(draw: st.DrawFn) -> list[Site]:
    """Draws deployments of different devices that overlap as they like; those that last have no end."""
    drawn = draw(st.lists(st.tuples(instants, st.none() | lengths), max_size=7))
    return [
        site(f"D{number}", begin, None if length is None else begin + length)
        for number, (begin, length) in enumerate(drawn)
    ]
