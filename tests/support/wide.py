"""A catalogue as wide as the North East Pacific: as many places, deployments and products as asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from oncsync.sandbox import Catalogue
from oncsync.sandbox.catalogue import Category, Deployment, Device, Kind, Location, Option, Product
from oncsync.timespan import UTC

ROOT = "NEP"
FIRST = datetime(2012, 1, 1, tzinfo=UTC)
KINDS_OF_INSTRUMENTS = 12
MODE = Option("dpo_dataGaps", ("0", "1"), "1", None, None, ())


def wide_catalogue(places: int = 300, deployments: int = 900, products: int = 8) -> Catalogue:
    """Gives places below one root, each with instruments of one category, deployed one after the other for a year."""
    listed = tuple(
        Product(f"P{number}", f"Product {number}", extension, number, True, False, (MODE,))
        for number in range(products // 2)
        for extension in ("csv", "mat")
    )
    kind = Kind("any", listed, (), 3600)
    names = [f"CAT{number:02}" for number in range(KINDS_OF_INSTRUMENTS)]
    codes = [f"PL{number:03}" for number in range(places)]
    devices = {}
    deployed = []
    for number in range(deployments):
        place = number % places
        code = f"DEV{number:04}"
        devices[code] = Device(code, 5000 + number, f"Device {number}", names[place % len(names)], kind, ())
        begin = FIRST + timedelta(days=365 * (number // places))
        deployed.append(
            Deployment(devices[code], codes[place], begin, begin + timedelta(days=350), 48.0, -126.0, 100.0,
                       None, None, None, True, ())
        )  # fmt: skip
    return Catalogue(
        products=listed,
        properties={},
        categories={name: Category(name, f"Kind {name}", "", None) for name in names},
        locations={ROOT: Location(ROOT, "North East Pacific", None, None, False)}
        | {code: Location(code, f"Place {code}", ROOT, None, False) for code in codes},
        devices=devices,
        deployments=tuple(deployed),
    )
