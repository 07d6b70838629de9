"""How far the data of a product file reach, as far as its name tells it. Pure.

The stamps in a name are those of the data, not of what was asked for (open question 23, glossary, "File names").
"""

from __future__ import annotations

import re
from datetime import datetime

from oncsync.state.records import FileRecord
from oncsync.timespan import UTC

_TWO_STAMPS = re.compile(
    r"_\d{8}T\d{6}(?:\.\d{1,9})?Z_(?P<date>\d{8})T(?P<time>\d{6})(?:\.\d{1,9})?Z(?=[-_.~]|\Z)", re.ASCII
)


def data_end(file: FileRecord, begin: datetime, end: datetime) -> datetime:
    """Gives the end of the data of a file that was asked for from `begin` to `end`: the second stamp in its name.

    A name without one, or with one outside of what was asked for, tells nothing: then it is `end`.
    """
    match = _TWO_STAMPS.search(file.name)
    try:
        told = datetime.strptime(match["date"] + match["time"], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else end
    except ValueError:
        return end
    return told if begin <= told <= end else end
