"""The worked examples of the source document, and the lock that each of them means on the embedded service.

`python -m tests.resolver.golden` (`make golden`) writes the locks anew; a review of what changed in them is a review of
what the resolver does. R123 is the format that exists, R126 the date that was meant: what is refused is in the tests.
"""

from __future__ import annotations

from pathlib import Path

from oncsync.api import RetryPolicy, Session
from oncsync.lockfile import render_lock
from oncsync.resolver import resolve_manifest
from oncsync.sandbox.catalogue import read_catalogue
from tests.manifest.support import load_text
from tests.resolver.world import NOW, TOKEN, World
from tests.support.scripted import ScriptedService

FOLDER = Path(__file__).parent
WHALE = "locationCode: NEP\ndeviceCategoryCode: HYDROPHONE\ndataProductCode: AD\n"
CYCLE = "begin: 2016-06-01T00:00:00.000Z\nend: 2017-05-31T23:59:59.999Z\n"
CAMERAS = "locationCode: ONC\ndeviceCategoryCode: VIDEOCAM\n"
LAST_OF_MAY = "begin: 2017-05-31T00:00:00.000Z\nend: 2017-05-31T23:59:59.999Z\nsplitDateRange: all\n"

CASES = {
    # The basic example: every product of one kind of instrument at one place for a month.
    "R121": "locationCode: USDDL\ndeviceCategoryCode: CTD\n"
    "begin: 2017-05-01T00:00:00.000Z\nend: 2017-06-01T00:00:00.000Z",
    # The whale researcher: a subtree, a year, many deployments, month by month.
    "R122": WHALE + "extension: flac\n" + CYCLE,
    # Formats in order, because the first is no longer made.
    "R123": WHALE.replace("NEP", "BACAX") + "prefer: [mp3, flac, wav]\nsplitDateRange: year\n" + CYCLE,
    # A complete cycle: the end is the last millisecond of a day, and means the whole day.
    "R124": WHALE.replace("NEP", "BACAX") + "extension: flac\nsplitDateRange: all\n" + CYCLE,
    # The geoscientist: every instrument at one place in one format.
    "R125": "locationCode: LSDDL\nextension: mat\nbegin: 2013-10-23\nend: 2017-06-01\nsplitDateRange: all",
    # The date as it was meant: 2013-20-23 is refused, and this is suggested.
    "R126": "locationCode: LSDDL\ndataProductCode: TSSD\nextension: mat\nbegin: 2013-10-23\nend: 2014-01-01",
    # The atmosphere researcher: all scalar data of an area in every format, because none is named.
    "R127": "locationCode: SOG\ndataProductCode: TSSD\nsplitDateRange: all\n" + CYCLE,
    # The imaging researcher: a day of video from every camera there is.
    "R128": CAMERAS + "dataProductCode: MP4V\nextension: mp4\n" + LAST_OF_MAY,
    # Ancillary data in the same call: the pairs that exist of two products and two formats.
    "R129": CAMERAS + "dataProductCode: MP4V,TSSD\nextension: mp4,json\n" + LAST_OF_MAY,
    # A day on which a camera came: it counts for its part of the day, those of other years do not count.
    "R130": CAMERAS
    + "dataProductCode: MP4V\nextension: mp4\nsplitDateRange: all\nbegin: 2012-06-03\nend: 2012-06-04\n",
}


def manifest_of(case: str) -> str:
    """Gives the text of the manifest of a worked example."""
    lines = "".join(f"    {line}\n" for line in CASES[case].strip().splitlines())
    return f"server: sandbox\ndownloads:\n  - name: {case}\n{lines}"


def make_lock(case: str) -> bytes:
    """Resolves a worked example on the embedded service."""
    with ScriptedService(World(read_catalogue())) as service:
        session = Session(service.url, TOKEN, retry=RetryPolicy(attempts=2, first=0.0), on_message=lambda text: None)
        with session:
            resolution = resolve_manifest(load_text(manifest_of(case)), session, lambda: NOW, None)
    assert resolution.failures == ()
    return render_lock(resolution.lock, "oncsync.yaml")


def write_locks() -> None:
    """Writes the lock of every worked example."""
    for case in CASES:
        (FOLDER / f"{case}.lock").write_bytes(make_lock(case))
