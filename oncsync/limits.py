"""What the settings of a manifest mean to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncsync.manifest import Settings
from oncsync.manifest.build import SETTING_MEMBERS
from oncsync.sizes import parse_size

if TYPE_CHECKING:
    from oncsync.engine.plan import Terms
    from oncsync.engine.run import Limits


def run_limits(settings: Settings, *, wait_for_window: bool, ends_at: float | None) -> Limits:
    """Gives the pools, the run window and the time of one run."""
    from oncsync.engine.pace import read_window, read_zone
    from oncsync.engine.run import Limits

    return Limits(
        window=read_window(settings.begin_run, settings.end_run),
        zone=read_zone(settings.run_time_zone),
        run_threads=settings.run_threads,
        download_threads=settings.download_threads,
        download_queue_size=settings.download_queue_size,
        wait_for_window=wait_for_window,
        ends_at=ends_at,
        min_free=None if settings.min_free is None else parse_size(settings.min_free),
    )


def plan_terms(settings: Settings) -> Terms:
    """Gives what a plan depends on."""
    from oncsync.engine.plan import Terms

    return Terms(
        metadata=settings.metadata,
        max_order_hours=settings.max_order_hours,
        late_days=settings.late_days,
        refresh_open=settings.refresh_open,
    )


def settings_used(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Gives the settings in the manifest's spelling, as the state records them."""
    used = {key: getattr(settings, member) for key, member in SETTING_MEMBERS.items()}
    return {key: value for key, value in used.items() if value is not None}
