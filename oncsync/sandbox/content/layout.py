"""Which files an order delivers and what they are called; their bytes are made when they are fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..catalogue import Catalogue, Deployment
from ..orders import Order
from ..replies import Content
from ..times import stamped
from .makers import device_content, series_content
from .metadata import metadata_content
from .plots import PANELS_PER_PLOT
from .series import Interval, Measured, Stretch, in_intervals, instant_of, milliseconds, sensors_of, stretches

FILES_PER_ORDER = 12
"""The most files that an order of recordings brings; they are spread over its span."""

_RECORDING = timedelta(minutes=5) // timedelta(milliseconds=1)
_DAY = timedelta(days=1) // timedelta(milliseconds=1)
_SAMPLES = 3
"""How many samples an interval has that is no longer than the device's own sampling interval."""
_FINE = timedelta(seconds=10) // timedelta(milliseconds=1)
_SHORT = timedelta(hours=1) // timedelta(milliseconds=1)
_STATISTICS = {"average": ("",), "minMax": ("min", "max"), "minMaxAvg": ("min", "max", "avg")}
_PICTURES = frozenset({"png", "pdf"})
_BROKEN_PRODUCTS = frozenset({"TSSD", "HSPD"})
_MEDIA_TYPES = {
    "csv": "text/csv", "txt": "text/plain", "json": "application/json", "png": "image/png", "pdf": "application/pdf",
    "wav": "audio/x-wav", "flac": "audio/flac", "mp4": "video/mp4", "jpg": "image/jpeg", "zip": "application/zip",
    "xml": "application/xml",
}  # fmt: skip


@dataclass(frozen=True)
class ProductFile:
    """A file that can be downloaded; `make` gives its bytes."""

    name: str
    media_type: str
    make: Callable[[], Content]


@dataclass(frozen=True)
class Delivered:
    """What a run delivers: the data files in the order of their index, and the metadata file if there are data."""

    files: tuple[ProductFile, ...]
    metadata: ProductFile | None


def lay_out(catalogue: Catalogue, order: Order) -> Delivered:
    """Lays out the files of an order; none when no data lie in its span."""
    recorded = order.is_archived or order.product.code == "HSD"
    files = _recordings(catalogue, order) if recorded else _series_files(catalogue, order)
    if not files:
        return Delivered((), None)
    names = tuple(file.name for file in files)
    stem, _, extension = names[0].rpartition(".")
    about = _file(f"{stem}_{extension.upper()}_META.xml", lambda: metadata_content(catalogue, order, names))
    return Delivered(tuple(files), about)


def source_name(catalogue: Catalogue, order: Order) -> str:
    """Gives the first part of a file name: the place and category, or the device, without blanks."""
    if order.location is None:
        assert order.device is not None
        return _plain(order.device.name)
    parent = catalogue.locations[order.location.parent].name if order.location.parent else ""
    what = order.category or order.measured
    return "_".join(_plain(part) for part in (parent, order.location.name, what.name if what else "") if part)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


def media_type_of(name: str) -> str:
    """Gives the media type of a file, by its extension."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def _file(name: str, make: Callable[[], Content]) -> ProductFile:
    return ProductFile(name, media_type_of(name), make)


def _measured(catalogue: Catalogue, order: Order, deployments: tuple[Deployment, ...]) -> Measured:
    sensors = sensors_of(catalogue, deployments, order.measured)
    if order.option("dpo_sensorstoinclude") == "0":
        sensors = sensors[:PANELS_PER_PLOT]
    title = [f"{order.product.name} ({order.product.code})", source_name(catalogue, order)]
    title += [f"{name}={value}" for name, value in sorted(order.options)]
    step = 1000 * min(deployment.device.kind.period for deployment in deployments)
    interval = _interval(order, step)
    if interval and interval.length <= step:
        step = max(1000, interval.length // _SAMPLES // 1000 * 1000)
    statistics = _STATISTICS[order.option("dpo_resample") or ""] if interval else ("",)
    if interval:
        what = ", ".join(statistic or "mean" for statistic in statistics)
        title.append(
            f"Each row: {what} of the {interval.length // 1000} seconds from its time on, sampled every "
            f"{step // 1000} seconds"
        )
    return Measured(
        title=tuple(title),
        parts=tuple(stretches(deployments, order.span.begin, order.span.end)),
        step=step,
        sensors=tuple(sensors),
        clean=order.option("dpo_qualityControl") != "0",
        statistics=statistics,
        interval=interval,
    )


def _interval(order: Order, step: int) -> Interval | None:
    """Gives the intervals that rows stand for, counted from the begin of the order; None for rows of samples.

    Resampling without a length takes the sampling interval; a plot then shows what was sampled.
    """
    resample = order.option("dpo_resample") or ""
    asked = 1000 * int(order.option(f"dpo_{resample}") or "0")
    if resample not in _STATISTICS or not (asked or order.product.extension not in _PICTURES):
        return None
    return Interval(asked or step, milliseconds(order.span.begin))


def _series_files(catalogue: Catalogue, order: Order) -> list[ProductFile]:
    whole = _measured(catalogue, order, order.deployments)
    if whole.interval:
        whole = replace(whole, parts=tuple(in_intervals(whole.parts, whole.interval)))
    mode = ""
    if order.option("dpo_qualityControl") is not None:
        mode = "-clean" if whole.clean else "-raw"
    breaks = order.option("dpo_filePlotBreaks") if order.product.code in _BROKEN_PRODUCTS else None
    files: list[ProductFile] = []
    for begin, end in _broken(order.span.begin, order.span.end, breaks or "0"):
        part = replace(whole, parts=tuple(_clipped(whole.parts, begin, end)))
        ends = part.extent
        if ends is None:
            continue
        stem = f"{source_name(catalogue, order)}_{stamped(ends[0])}_{stamped(ends[1])}{mode}"
        files += _pages(order, part, stem)
    return files


def _pages(order: Order, measured: Measured, stem: str) -> list[ProductFile]:
    """Gives one file, or for plots one file for every few sensors, the second named `_2` and so on."""
    extension = order.product.extension
    count = len(measured.sensors)
    per_page = PANELS_PER_PLOT if extension == "png" else count
    is_long = measured.parts[-1].end - measured.parts[0].begin >= _SHORT
    pages = -(-count // per_page) if is_long else 1
    files = []
    for page in range(pages):
        shown = replace(measured, sensors=measured.sensors[page * per_page : (page + 1) * per_page])
        name = f"{stem}{f'_{page + 1}' if page else ''}.{extension}"
        files.append(_file(name, _series_maker(order, shown, name)))
    return files


def _series_maker(order: Order, measured: Measured, name: str) -> Callable[[], Content]:
    return lambda: series_content(order, measured, name, _seed(order))


def _clipped(parts: tuple[Stretch, ...], begin: datetime, end: datetime) -> list[Stretch]:
    low, high = milliseconds(begin), milliseconds(end)
    clipped = (replace(part, begin=max(part.begin, low), end=min(part.end, high)) for part in parts)
    return [part for part in clipped if part.begin < part.end]


def _broken(begin: datetime, end: datetime, breaks: str) -> list[tuple[datetime, datetime]]:
    """Cuts a span as `dpo_filePlotBreaks` says: 1 daily, 2 weekly, 3 hourly, 4 monthly, 5 yearly, else not."""
    cuts = [begin]
    while breaks in _NEXT_CUT:
        cut = _NEXT_CUT[breaks](cuts[-1])
        if cut >= end:
            break
        cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


_NEXT_CUT: dict[str, Callable[[datetime], datetime]] = {
    "1": lambda t: _midnight(t) + timedelta(days=1),
    "2": lambda t: _midnight(t) + timedelta(days=7 - t.isoweekday() % 7),
    "3": lambda t: t.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
    "4": lambda t: (_midnight(t).replace(day=1) + timedelta(days=32)).replace(day=1),
    "5": lambda t: _midnight(t).replace(year=t.year + 1, month=1, day=1),
}


def _seed(order: Order) -> str:
    """Gives what the noise of a file depends on: source, product, span and options, nothing else."""
    parts = (order.location, order.category, order.device, order.measured)
    source = "/".join(part.code for part in parts if part)
    options = "&".join(f"{name}={value}" for name, value in sorted(order.options))
    product = f"{order.product.code}.{order.product.extension}"
    return f"{source}/{product}/{order.span.begin.isoformat()}/{order.span.end.isoformat()}/{options}"


def _recordings(catalogue: Catalogue, order: Order) -> list[ProductFile]:
    """Gives files that each belong to one device and are named after the instant at which they begin.

    A log is of a day, with the samples that the series has; any other recording is of five minutes, and what it
    tabulates is sampled every ten seconds.
    """
    daily = order.product.code == "LF"
    length = _DAY if daily else _RECORDING
    suffix = "-spect" if order.product.code == "HSD" and order.product.options else ""
    files: list[ProductFile] = []
    for deployment in order.deployments:
        whole = _measured(catalogue, order, (deployment,))
        for part in whole.parts:
            for start in _starts(part, length):
                stamp = stamped(instant_of(start), milliseconds=True)
                name = f"{deployment.device.code}_{stamp}{suffix}.{order.product.extension}"
                until = min(part.end, (start // length + 1) * length)
                own = replace(whole, parts=(replace(part, begin=start, end=until, first=part.begin, last=part.end),))
                own = own if daily else replace(own, step=_FINE)
                files.append(_file(name, _device_maker(order, own, name)))
    return files[:FILES_PER_ORDER]


def _device_maker(order: Order, measured: Measured, name: str) -> Callable[[], Content]:
    return lambda: device_content(order, measured, name, _seed(order))


def _starts(part: Stretch, step: int) -> list[int]:
    """Gives when the recordings of a stretch begin: at its own begin, then on a grid, few enough for one order."""
    first = (part.begin // step + 1) * step
    slots = 1 + max(0, -(-(part.end - first) // step))
    stride = step * -(-slots // FILES_PER_ORDER)
    first = part.begin // stride * stride + stride
    return [part.begin, *range(first, part.end, stride)][:FILES_PER_ORDER]
