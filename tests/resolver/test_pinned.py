"""`pinOptions`: the listing's defaults are sent, and stay what they were (architecture, "Options")."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.api import DataProduct
from oncsync.lockfile import Lock, LockedRequest, LockEntry
from oncsync.resolver import Resolution, resolve_manifest
from oncsync.resolver.earlier import read_earlier
from oncsync.resolver.options import pinned_defaults, unpinnable, with_options
from tests.manifest.support import load_text
from tests.resolver.conftest import Connect
from tests.resolver.making import COUNT, QUALITY, RESAMPLE, option, product, wanting
from tests.resolver.world import NOW, World, entry, requests_of
from tests.support.scripted import Asked

SUB = option("dpo_average", "60", "600", default="60")
AVERAGED = option("dpo_resample", "none", "average", default="average", suboptions=(option("dpo_none"), SUB))
OPAQUE = option(
    "dpo_resample", "none", "average", default="average", suboptions=(option("dpo_average", "60", "600", default="41"),)
)
ONLY_ONE = option(
    "dpo_resample", "none", "average", default="average", suboptions=(option("dpo_average", "60", default="41"),)
)


# --- With values alone -----------------------------------------------------------------------------------------


def test_the_defaults_are_sent_beside_what_is_written() -> None:
    made = with_options(
        product("A/b", RESAMPLE, QUALITY), wanting(pin_options=True, options={"": {"dpo_qualityControl": "0"}})
    )
    assert made.options == {"dpo_qualityControl": "0", "dpo_resample": "none"}
    assert made.defaults == {"dpo_resample": "none"}, "which of them are pinned is seen in the lock"


def test_the_sub_option_of_the_value_in_force_is_pinned_too() -> None:
    assert pinned_defaults(product("A/b", AVERAGED), {}) == {"dpo_resample": "average", "dpo_average": "60"}
    assert pinned_defaults(product("A/b", AVERAGED), {"dpo_resample": "none"}) == {}
    assert pinned_defaults(product("A/b", RESAMPLE), {"dpo_resample": "average", "dpo_average": "600"}) == {}


@pytest.mark.parametrize(
    ("listed", "pinned"),
    [
        (OPAQUE, {"dpo_resample": "average"}),
        (ONLY_ONE, {"dpo_resample": "average", "dpo_average": "60"}),
    ],
)
def test_an_internal_id_is_never_sent(listed: Any, pinned: dict[str, str]) -> None:
    """Glossary: a sub-option's default may be an id that is none of its values; where there is one value it is that."""
    assert pinned_defaults(product("A/b", listed), {}) == pinned


def test_what_cannot_be_pinned_is_named() -> None:
    assert unpinnable(product("A/b", OPAQUE), {"dpo_resample": "average"}) == ["dpo_average"]
    assert unpinnable(product("A/b", OPAQUE), {"dpo_resample": "none"}) == []


def test_an_option_without_a_default_is_not_pinned() -> None:
    assert pinned_defaults(product("A/b", COUNT, option("dpo_x", "1", default="7")), {}) == {}


def test_what_was_pinned_stays_whatever_the_listing_says_now() -> None:
    """Neither a new default nor a new option changes a series."""
    now = product("A/b", option("dpo_resample", "none", "average", default="average", suboptions=(SUB,)), QUALITY)
    assert pinned_defaults(now, {}, {"dpo_resample": "none"}) == {"dpo_resample": "none"}
    assert pinned_defaults(product("A/b"), {}, {"dpo_resample": "none"}) == {"dpo_resample": "none"}
    assert pinned_defaults(now, {"dpo_resample": "none"}, {"dpo_resample": "none"}) == {}


def test_a_pinned_sub_option_goes_with_its_value() -> None:
    kept = {"dpo_resample": "average", "dpo_average": "60"}
    assert pinned_defaults(product("A/b", AVERAGED), {}, kept) == kept
    assert pinned_defaults(product("A/b", AVERAGED), {"dpo_resample": "none"}, kept) == {}
    assert pinned_defaults(product("A/b", RESAMPLE), {"dpo_resample": "average"}, {"dpo_average": "600"}) == {
        "dpo_average": "600"
    }


def a_line(options: dict[str, str], defaults: dict[str, str]) -> LockEntry:
    """Gives an entry of a lock with one request."""
    request = LockedRequest(
        id="1" * 20, source={"deviceCode": "A"}, data_product_code="A", extension="b", begin=NOW, end=None,
        options=options, defaults=defaults,
    )  # fmt: skip
    return LockEntry(kind="download", name="x", digest="same", requests=(request,))


def test_the_lock_knows_which_options_were_pinned() -> None:
    """Those that are sent because they are defaults; an entry of the same meaning may have pinned none."""
    source = {"deviceCode": "A"}
    pinned = a_line({"dpo_a": "1", "dpo_b": "2"}, {"dpo_b": "2"})
    assert read_earlier(pinned, "other").pinned(source, "A", "b") == {"dpo_b": "2"}
    assert read_earlier(pinned, "same", upgrade=True).pinned(source, "A", "b") is None
    assert read_earlier(pinned, "same").pinned(source, "A", "c") is None
    loose = a_line({"dpo_a": "1"}, {"dpo_b": "2"})
    assert read_earlier(loose, "other").pinned(source, "A", "b") is None
    assert read_earlier(loose, "same").pinned(source, "A", "b") == {}
    assert read_earlier(None, "same").pinned(source, "A", "b") is None


# --- In the lock -----------------------------------------------------------------------------------------------

PINNED = "locationCode: NB\ndeviceCategoryCode: CTD\ndataProductCode: TSSD\nextension: csv\npinOptions: true\n"


def resolve_at(
    connect: Connect, default: str, previous: Lock | None, lines: str = PINNED, *, upgrade: bool = False
) -> Resolution:
    """Resolves while the listing's default for `dpo_resample` is `default`."""

    def alter(asked: Asked, body: Any) -> Any:
        if asked.path == "/api/dataProducts":
            for row in body:
                for known in row["dataProductOptions"]:
                    known["defaultValue"] = default
        return body

    _, session = connect(World(alter=alter))
    manifest = load_text(f"server: sandbox\n{entry(lines)}")
    return resolve_manifest(manifest, session, lambda: NOW, previous, upgrade=upgrade)


def test_pinned_options_stay_until_they_are_upgraded(connect: Connect) -> None:
    first = resolve_at(connect, "none", None)
    assert requests_of(first)[0].options == {"dpo_resample": "none"}
    again = resolve_at(connect, "average", first.lock)
    assert again.lock == first.lock
    assert [one.message for one in again.remarks] == [
        "ONC's defaults for `dpo_resample` of TSSD/csv are others by now; the pinned ones stay, "
        "`oncsync resolve --upgrade` takes those of today"
    ]
    upgraded = resolve_at(connect, "average", first.lock, upgrade=True)
    assert requests_of(upgraded)[0].options == {"dpo_resample": "average"}
    assert not {one.id for one in requests_of(first)[0].chunks} & {one.id for one in requests_of(upgraded)[0].chunks}


def test_pinned_options_stay_when_the_entry_changes_in_another_way(connect: Connect) -> None:
    """A longer span does not order the old chunks again because a default changed meanwhile."""
    first = resolve_at(connect, "none", None)
    longer = resolve_at(connect, "average", first.lock, PINNED + "begin: 2020-01-01\nend: 2021-06-01")
    old = {chunk.id for chunk in requests_of(first)[0].chunks}
    assert old < {chunk.id for chunk in requests_of(longer)[0].chunks}


def test_an_entry_that_begins_to_pin_takes_the_defaults_of_today(connect: Connect) -> None:
    loose = resolve_at(connect, "none", None, PINNED.replace("pinOptions: true\n", ""))
    assert requests_of(loose)[0].options == {}
    pinned = resolve_at(connect, "average", loose.lock)
    assert requests_of(pinned)[0].options == {"dpo_resample": "average"}
    assert pinned.remarks == ()


def test_an_entry_that_no_longer_pins_sends_what_is_written(connect: Connect) -> None:
    first = resolve_at(connect, "none", None)
    loose = resolve_at(connect, "none", first.lock, PINNED.replace("pinOptions: true\n", ""))
    assert (requests_of(loose)[0].options, requests_of(loose)[0].defaults) == ({}, {"dpo_resample": "none"})


def test_a_default_that_cannot_be_sent_is_told(connect: Connect) -> None:
    def alter(asked: Asked, body: Any) -> Any:
        if asked.path == "/api/dataProducts":
            for row in body:
                for known in row["dataProductOptions"]:
                    below = {"option": "dpo_average", "allowableValues": ["60", "600"], "defaultValue": "41"}
                    known |= {"defaultValue": "average", "suboptions": [below]}
        return body

    _, session = connect(World(alter=alter))
    text = f"server: sandbox\n{entry(PINNED)}"
    resolution = resolve_manifest(load_text(text), session, lambda: NOW, None)
    assert requests_of(resolution)[0].options == {"dpo_resample": "average"}
    assert [one.message for one in resolution.remarks] == [
        "`dpo_average` of TSSD/csv cannot be pinned: write it under `options`"
    ]


def test_options_of_products_without_any_are_pinned_to_nothing() -> None:
    plain: DataProduct = product("LF/txt")
    assert with_options(plain, wanting(pin_options=True)).options == {}
