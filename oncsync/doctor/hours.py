"""Looks at the run window: whether new orders may start now, and until when that stays so."""

from __future__ import annotations

from datetime import datetime

from oncsync.doctor.findings import Fact, Finding, skipped
from oncsync.engine.pace import RunWindow, read_window, read_zone
from oncsync.manifest import Manifest
from oncsync.timespan import format_instant


def check_window(manifest: Manifest | None, now: datetime) -> Finding:
    """Says in which time zone the run window counts and whether it is open."""
    if manifest is None:
        return skipped("window", "without a manifest there is no run window")
    settings = manifest.settings
    zone = read_zone(settings.run_time_zone)
    window = read_window(settings.begin_run, settings.end_run)
    local = now.astimezone(zone)
    zone_name = settings.run_time_zone or f"this machine's zone, {local:%Z} (UTC{local:%z})"
    facts: dict[str, Fact] = {
        "timeZone": settings.run_time_zone or f"{local:%Z}",
        "localTime": f"{local:%Y-%m-%dT%H:%M:%S%z}",
        "open": window.is_open(now, zone),
    }
    if window.is_always_open:
        return Finding(name="window", verdict="ok", what=f"always open; times of day are of {zone_name}", facts=facts)
    # What is shut while a window is open is the window with its bounds exchanged.
    changes = (RunWindow(window.end, window.begin) if facts["open"] else window).opens_at(now, zone)
    facts["until"] = format_instant(changes)
    state = "open" if facts["open"] else "closed"
    what = f"{state} until {changes.astimezone(zone):%Y-%m-%d %H:%M}, {zone_name}"
    return Finding(name="window", verdict="ok", what=what, facts=facts)
