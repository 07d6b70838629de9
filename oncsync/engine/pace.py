"""How long to wait: between polls, before another try, for the run window. Pure: reads no clock, draws no number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from statistics import median
from zoneinfo import ZoneInfo

import msgspec

from oncsync.timespan import UTC


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of one sync, in seconds; tests use a faster one."""

    shortest_poll: float = 1.0
    longest_poll: float = 60.0
    first_retry: float = 1.0
    longest_retry: float = 60.0
    attempts: int = 6
    """How often one call is tried before the chunk is left for the next sync."""
    late_file_attempts: int = 8
    """How often a file that was announced but is not there is asked for."""
    meta_patience: float = 600.0
    """How long the metadata file may keep us waiting after the data files."""
    synchronize_patience: float = 3600.0
    """How long a file may be "not ready" after its run is complete."""
    doubt_patience: float = 3600.0
    """How long no file may have come before an order of which nobody says that it is over is taken for over."""
    busy_retry: float = 5.0
    """How often to look for a free slot that another process holds."""


DEFAULT_PACE = Pace()


class Observed(msgspec.Struct, frozen=True):
    """How long one order took, in seconds, and the length of the span that it was for."""

    seconds: float
    span_seconds: float


LARGEST_SCALE = 12.0
"""Between a month and a year a duration is taken to grow with the span; beyond that nothing is concluded."""


def usual_duration(seen: Iterable[Observed], span_seconds: float) -> float | None:
    """Gives the median of what orders took, scaled to a span; None when none was for a span of such a length."""
    scaled = _scaled(seen, span_seconds)
    return median(scaled) if scaled else None


def least_expected(seen: Iterable[Observed], span_seconds: float) -> float | None:
    """Gives the least of what orders took, scaled to a span; None when none was for a span of such a length."""
    return min(_scaled(seen, span_seconds), default=None)


def _scaled(seen: Iterable[Observed], span_seconds: float) -> list[float]:
    scales = ((one.seconds, span_seconds / one.span_seconds) for one in seen)
    return [seconds * scale for seconds, scale in scales if 1 / LARGEST_SCALE <= scale <= LARGEST_SCALE]


def poll_wait(pace: Pace, elapsed: float, expected: float | None, draw: float) -> float:
    """Gives the wait before the next poll: 15 % of what has passed or is expected, within bounds, jittered by 10 %.

    A poll that would come after the expected end comes at that end. `expected` is counted from where `elapsed` is;
    `draw` is a random number from 0 to 1.
    """
    wait = min(max(0.15 * max(elapsed, expected or 0.0), pace.shortest_poll), pace.longest_poll)
    left = (expected or 0.0) - elapsed
    if 0 < left < wait:
        wait = max(left, pace.shortest_poll)
    return wait * (0.9 + 0.2 * draw)


def retry_wait(pace: Pace, attempt: int, asked: float | None, draw: float) -> float:
    """Gives the wait before try number `attempt` + 1; `asked` is what the service asked for (`Retry-After`)."""
    if asked is not None:
        return asked + draw * min(pace.first_retry, 1.0)
    ceiling = min(pace.longest_retry, pace.first_retry * 2.0 ** min(attempt - 1, 30))
    return ceiling * (0.5 + 0.5 * draw)


class RunWindow(msgspec.Struct, frozen=True):
    """The time of day during which new orders and transfers may start (R97-R102); equal bounds mean always."""

    begin: time
    end: time

    @property
    def is_always_open(self) -> bool:
        """Whether there is no window (R98)."""
        return self.begin == self.end

    def is_open(self, moment: datetime, zone: tzinfo | None = None) -> bool:
        """Whether the window is open at a UTC instant, read as local time in `zone` (None: the machine's)."""
        if self.is_always_open:
            return True
        local = moment.astimezone(zone).time()
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end

    def opens_at(self, moment: datetime, zone: tzinfo | None = None) -> datetime:
        """Gives the first UTC instant from `moment` on at which the window is open.

        It opens at its begin, on each day and in each of the two hours of one name in autumn, or when the clocks are
        moved past its begin in spring, or back into it.
        """
        if self.is_open(moment, zone):
            return moment
        today = moment.astimezone(zone).date()
        begins = [
            datetime.combine(today + timedelta(days=days), self.begin).replace(tzinfo=zone, fold=fold).astimezone(UTC)
            for days in (0, 1, 2)
            for fold in (0, 1)
        ]
        openings = sorted([*begins, *_clock_changes(moment, zone)])
        return next(
            (opening for opening in openings if opening > moment and self.is_open(opening, zone)),
            moment + timedelta(days=1),
        )


def _clock_changes(moment: datetime, zone: tzinfo | None) -> list[datetime]:
    """Gives the instants, to the second, at which the clocks of `zone` are changed within two days."""

    def offset(instant: datetime) -> timedelta | None:
        return instant.astimezone(zone).utcoffset()

    def first_changed(begin: datetime) -> datetime:
        before = offset(begin)
        seconds = bisect_left(range(3601), True, key=lambda second: offset(begin + timedelta(seconds=second)) != before)
        return begin + timedelta(seconds=seconds)

    begins = [moment.replace(microsecond=0) + timedelta(hours=hour) for hour in range(50)]
    return [first_changed(begin) for begin in begins if offset(begin) != offset(begin + timedelta(hours=1))]


def read_window(begin: str, end: str) -> RunWindow:
    """Reads `HH:MM:SS` twice; the manifest has checked both."""
    return RunWindow(time.fromisoformat(begin), time.fromisoformat(end))


def read_zone(name: str | None) -> tzinfo | None:
    """Gives the named time zone, None for the machine's own."""
    return None if name is None else ZoneInfo(name)
