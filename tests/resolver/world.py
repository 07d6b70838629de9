"""A small world with one of each case, and how the tests ask about it.

ROOT            NORTH and SOUTH, which hold no instruments themselves
  NORTH
    NA          CTDs that overlap, hydrophones back to back, a CTD that was never there in 2020
      NA.1      a pressure recorder that moves to SA
    NB          a CTD and a camera, both still deployed; a receiver that offers no product
  SOUTH
    SA          a CTD of another make, long gone; a camera, for twenty days
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from oncsync.api import RetryPolicy, Session, Timeouts
from oncsync.lockfile import Lock, LockedRequest
from oncsync.resolver import Resolution, resolve_manifest
from oncsync.sandbox import Catalogue, Sandbox
from oncsync.sandbox.catalogue import (
    Category,
    Deployment,
    Device,
    Kind,
    Location,
    Option,
    Product,
    Property,
)
from tests.manifest.support import load_text
from tests.resolver.making import at
from tests.support.scripted import Asked, Reply

NOW = at("2026-11-21T10:20:30")
TOKEN = "5a6b7c8d-1234-4abc-9def-0123456789ab"

RESAMPLE = Option("dpo_resample", ("none", "average"), "none", None, None, ())
MODE = Option("dpo_hydrophoneDataDiversionMode", ("OD", "All"), "OD", None, None, ())


def _product(pair: str, name: str, page: int, *options: Option, has_property: bool = False) -> Product:
    code, _, extension = pair.partition("/")
    return Product(code, name, extension, page, True, has_property, options)


PRODUCTS = {
    pair: _product(pair, name, page, *options, has_property=pair.startswith("TSSD"))
    for pair, name, page, *options in (
        ("AD/flac", "Audio Data", 7, MODE),
        ("AD/mp3", "Audio Data", 7, MODE),
        ("AD/wav", "Audio Data", 7, MODE),
        ("LF/txt", "Log File", 4),
        ("MP4V/mp4", "MP4 Video", 66),
        ("TSSD/csv", "Time Series Scalar Data", 1, RESAMPLE),
        ("TSSD/json", "Time Series Scalar Data", 1),
        ("TSSD/mat", "Time Series Scalar Data", 1, RESAMPLE),
        ("TSSP/png", "Time Series Scalar Plot", 3),
    )
}
RAW_TWICE = (_product("VRF/csv", "Raw Files of one kind", 90), _product("VRF/csv", "Raw Files of another kind", 91))


def _kind(name: str, pairs: str, *sensors: str, extra: tuple[Product, ...] = ()) -> Kind:
    return Kind(name, (*(PRODUCTS[pair] for pair in pairs.split()), *extra), sensors, 3600)


CTD_KIND = _kind("ctd", "LF/txt TSSD/csv TSSD/json TSSD/mat TSSP/png", "salinity", "seawatertemperature")
KINDS = {
    "CTD": CTD_KIND,
    "CTD_OLD": _kind("old ctd", "TSSD/csv", "seawatertemperature"),
    "HYDROPHONE": _kind("hydrophone", "AD/flac AD/wav"),
    "BPR": _kind("bpr", "TSSD/csv TSSD/json", "pressure"),
    "VIDEOCAM": _kind("camera", "MP4V/mp4 TSSD/json", "camerapan", extra=RAW_TWICE),
    "ACOUSTICRECEIVER": _kind("receiver", ""),
}
DEVICES = {
    code: Device(code, 1000 + number, f"The {code}", category, KINDS[kind], ())
    for number, (code, category, kind) in enumerate(
        [
            ("CTD1", "CTD", "CTD"),
            ("CTD2", "CTD", "CTD"),
            ("CTD3", "CTD", "CTD"),
            ("CTD8", "CTD", "CTD"),
            ("CTDOLD", "CTD", "CTD_OLD"),
            ("SPARE", "CTD", "CTD"),
            ("HYD1", "HYDROPHONE", "HYDROPHONE"),
            ("HYD2", "HYDROPHONE", "HYDROPHONE"),
            ("BPR1", "BPR", "BPR"),
            ("CAM1", "VIDEOCAM", "VIDEOCAM"),
            ("CAM2", "VIDEOCAM", "VIDEOCAM"),
            ("EAR1", "ACOUSTICRECEIVER", "ACOUSTICRECEIVER"),
        ]
    )
}
DEPLOYED = [
    ("CTD1", "NA", "2020-01-01", "2020-03-10T12:00"),
    ("CTD2", "NA", "2020-02-20", "2020-06-01"),
    ("CTD8", "NA", "2018-01-01", "2018-05-01"),
    ("HYD1", "NA", "2020-01-01", "2020-02-01"),
    ("HYD2", "NA", "2020-02-01", "2020-04-01"),
    ("BPR1", "NA.1", "2019-06-01", "2020-02-15"),
    ("BPR1", "SA", "2020-03-01", None),
    ("CTD3", "NB", "2020-01-15", None),
    ("CAM2", "NB", "2020-02-01", None),
    ("EAR1", "NB", "2020-01-01", None),
    ("CTDOLD", "SA", "2010-05-01", "2012-05-01"),
    ("CAM1", "SA", "2020-01-01", "2020-01-20"),
]
PLACES = [
    ("ROOT", None), ("NORTH", "ROOT"), ("NA", "NORTH"), ("NA.1", "NA"), ("NB", "NORTH"), ("SOUTH", "ROOT"),
    ("SA", "SOUTH"),
]  # fmt: skip
CATEGORIES = {"CTD": "Salinity Sensor", "HYDROPHONE": "Hydrophone", "BPR": "Pressure Recorder", "VIDEOCAM": "Camera",
              "ACOUSTICRECEIVER": "Receiver", "ADCP2MHZ": "Current Profiler"}  # fmt: skip
PROPERTIES = ("salinity", "seawatertemperature", "pressure", "camerapan", "oxygen")


def make_world(deployed: Sequence[tuple[str, str, str, str | None]] = DEPLOYED) -> Catalogue:
    """Gives the catalogue of the small world, with these deployments."""
    return Catalogue(
        products=(*PRODUCTS.values(), *RAW_TWICE),
        properties={code: Property(code, f"The {code}", "unit", None) for code in PROPERTIES},
        categories={code: Category(code, name, "", None) for code, name in CATEGORIES.items()},
        locations={code: Location(code, f"Place {code}", parent, None, False) for code, parent in PLACES},
        devices=DEVICES,
        deployments=tuple(_deployment(*row) for row in deployed),
    )


def _deployment(device: str, place: str, begin: str, end: str | None) -> Deployment:
    return Deployment(
        DEVICES[device], place, at(begin), at(end) if end else None, 48.5, -126.25, 400.0, None, None, None, True, ()
    )


class World:
    """The small world as a script of a service: it answers as the sandbox does, unless a test says otherwise.

    `alter` changes the JSON of an answer, `instead` gives another answer; both see the question.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        *,
        alter: Callable[[Asked, Any], Any] | None = None,
        instead: Callable[[Asked], Reply | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._sandbox = Sandbox(catalogue=catalogue or make_world(), token=TOKEN, now=lambda: NOW)
        self._alter = alter
        self._instead = instead
        self._headers = dict(headers or {})

    def __call__(self, asked: Asked) -> Reply:
        """Answers one question."""
        if self._instead is not None and (other := self._instead(asked)) is not None:
            return other
        reply = self._sandbox.answer(asked.method, asked.target)
        assert not self._sandbox.broken
        body = b"".join(reply.content.blocks())
        if self._alter is not None and reply.status == 200:
            body = json.dumps(self._alter(asked, json.loads(body))).encode()
        return Reply(reply.status, body, {"Content-Type": reply.media_type, **self._headers})


def shuffler(seed: int) -> Callable[[Asked, Any], Any]:
    """Gives a change of answers that mixes every list, at every level."""
    mixing = random.Random(seed)

    def mixed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: mixed(value[key]) for key in mixing.sample(sorted(value), len(value))}
        return mixing.sample([mixed(one) for one in value], len(value)) if isinstance(value, list) else value

    return lambda asked, body: mixed(body)


def session_with(url: str, **changed: Any) -> Session:
    """Gives a session that never waits."""
    settings: dict[str, Any] = {
        "timeouts": Timeouts(connect=5.0, first_byte=20.0, idle=20.0),
        "retry": RetryPolicy(attempts=2, first=0.0),
        "sleep": lambda seconds: None,
        "on_message": lambda message: None,
        **changed,
    }
    return Session(url, TOKEN, **settings)


def resolved(
    text: str, session: Session, *, previous: Lock | None = None, now: datetime = NOW, **rest: Any
) -> Resolution:
    """Resolves a manifest that consists of `text`; the server is the sandbox."""
    manifest = load_text(f"server: sandbox\n{text}", **rest)
    return resolve_manifest(manifest, session, lambda: now, previous)


def entry(lines: str, name: str = "x") -> str:
    """Gives a manifest of one download; it lasts for the year 2020 unless it says otherwise."""
    rest = lines.strip().splitlines()
    if not any(line.startswith("begin:") for line in rest):
        rest += ["begin: 2020-01-01", "end: 2021-01-01"]
    return "\n".join(["downloads:", f"  - name: {name}", *(f"    {line}" for line in rest)]) + "\n"


def requests_of(resolution: Resolution, name: str = "x") -> tuple[LockedRequest, ...]:
    """Gives the requests of an entry."""
    return next(one.requests for one in resolution.lock.entries if one.name == name)


def briefly(requests: Sequence[LockedRequest]) -> list[str]:
    """Gives requests in a line each: what names the source, product, days, number of chunks."""
    return [
        " ".join(
            [
                *one.source.values(),
                f"{one.data_product_code}/{one.extension}",
                f"{one.begin:%Y-%m-%d}..{one.end:%Y-%m-%d}" if one.end else f"{one.begin:%Y-%m-%d}..",
                str(len(one.chunks)),
            ]
        )
        for one in requests
    ]
