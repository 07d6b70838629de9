"""Whatever device and window: pages join, windows join, and what is listed arrives with the listed length."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncsync.sandbox import read_catalogue
from oncsync.sandbox.archive import Address, Archive
from oncsync.sandbox.catalogue import Deployment
from oncsync.sandbox.content.series import milliseconds
from oncsync.sandbox.shelves import count_of, edition_of, files_of, shelves_of
from oncsync.sandbox.times import written
from tests.sandbox.asking import NOW

CATALOGUE = read_catalogue()
RECORDED = [deployment for deployment in CATALOGUE.deployments if deployment.device.kind.archive]
ADDRESS = Address("http://127.0.0.1:1/", "11111111-2222-3333-4444-555555555555")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ask(service: str, given: dict[str, str], now: datetime = NOW) -> dict[str, Any]:
    reply = Archive(CATALOGUE, lambda: now).answer(f"archivefile/{service}", given, ADDRESS)
    answer: dict[str, Any] = json.loads(b"".join(reply.content.blocks()))
    return answer


@st.composite
def windows(draw: st.DrawFn) -> tuple[dict[str, str], datetime, datetime]:
    """Draws a device and up to two days in its deployment, edges and the sandbox's present included."""
    deployment = draw(st.sampled_from(RECORDED))
    last = min(deployment.end or NOW, NOW)
    begin = deployment.begin + (last - deployment.begin) * draw(st.sampled_from([0, 0.25, 0.5, 0.9, 0.999, 1]))
    begin += timedelta(minutes=draw(st.integers(-600, 600)), seconds=draw(st.sampled_from([0, 1, 299])))
    begin = min(begin.replace(microsecond=0), NOW - timedelta(hours=1))
    if draw(st.booleans()):
        begin = begin.replace(minute=begin.minute // 5 * 5, second=0)
    end = begin + timedelta(minutes=draw(st.sampled_from([5, 7, 60, 1440, 2880])))
    return {"deviceCode": deployment.device.code}, begin, end


def listed(source: dict[str, str], begin: datetime, end: datetime, **more: str) -> dict[str, Any]:
    return ask("device", source | {"dateFrom": written(begin), "dateTo": written(end)} | more)


@QUICK
@given(windows(), st.integers(1, 400), st.booleans())
def test_pages_joined_are_the_listing_of_one_page(
    window: tuple[dict[str, str], datetime, datetime], limit: int, latest: bool
) -> None:
    """Following `next.parameters` alone leads through every file once, in order, for any row limit (Q30)."""
    source, begin, end = window
    more = {"getLatest": "true"} if latest else {}
    whole = listed(source, begin, end, **more)
    assert whole["next"] is None
    joined: list[str] = []
    limit = max(limit, len(whole["files"]) // 20)
    page = listed(source, begin, end, rowLimit=str(limit), **more)
    while page["next"]:
        assert len(page["files"]) == limit
        joined += page["files"]
        query = page["next"]["parameters"]
        assert query.pop("token") == ADDRESS.token
        page = ask("device", query)
    assert joined + page["files"] == whole["files"]
    assert len(set(whole["files"])) == len(whole["files"])


@QUICK
@given(windows(), st.floats(0, 1))
def test_adjacent_windows_cover_all(window: tuple[dict[str, str], datetime, datetime], share: float) -> None:
    """What lies across the common bound is in both, nothing is in neither, nothing else is added (Q27)."""
    source, begin, end = window
    middle = min(NOW, begin + (end - begin) * share).replace(microsecond=0)
    left, right = listed(source, begin, middle)["files"], listed(source, middle, end)["files"]
    whole = listed(source, begin, end)["files"]
    assert set(left) | set(right) == set(whole)
    stamp = f"{middle:%Y%m%dT%H%M%S}"
    assert all(name.split("_")[-1] < stamp for name in set(left) & set(right))


@QUICK
@given(windows())
def test_rows_agree_with_names_and_lie_in_the_window(window: tuple[dict[str, str], datetime, datetime]) -> None:
    source, begin, end = window
    rows = listed(source, begin, end, returnOptions="all")["files"]
    assert [row["filename"] for row in rows] == listed(source, begin, end)["files"]
    for row in rows:
        assert row["dateFrom"] < row["dateTo"] < row["archivedDate"] < row["modifyDate"]
        assert row["dateTo"] > written(begin)
        assert row["dateFrom"] < written(end)
        assert row["archivedDate"] <= written(NOW)
        stamp = row["dateFrom"].replace("-", "").replace(":", "")
        assert row["filename"].startswith(f"{row['deviceCode']}_{stamp}")
        assert (row["compression"] == "gz") or row["fileSize"] == row["uncompressedFileSize"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(windows(), st.data())
def test_every_listed_name_arrives_with_the_listed_length(
    window: tuple[dict[str, str], datetime, datetime], data: st.DataObject
) -> None:
    """The delivered bytes count as `uncompressedFileSize` says, and are the same every time (Q1)."""
    source, begin, end = window
    rows = listed(source, begin, end, returnOptions="all")["files"]
    archive = Archive(CATALOGUE, lambda: NOW)
    one_of_each = {row["filename"].split("Z", 1)[1]: row for row in rows}
    partial = rows[:1] + rows[-1:]
    chosen = [data.draw(st.sampled_from(rows))] if rows else []
    for row in [*one_of_each.values(), *partial, *chosen]:
        reply = archive.answer("archivefile/download", {"filename": row["filename"]}, ADDRESS)
        body = b"".join(reply.content.blocks())
        assert len(body) == reply.content.length == row["uncompressedFileSize"] > 0


@QUICK
@given(st.sampled_from(RECORDED), st.integers(-3, 3000))
def test_a_count_is_the_count_of_the_files(deployment: Deployment, day: int) -> None:
    for shelf in shelves_of([deployment]):
        number = shelf.spans[0][0] // 86_400_000 + day
        files = files_of(shelf, number)
        assert count_of(shelf, number) == len(files)
        assert all(edition_of(file, milliseconds(NOW)).archived > file.end for file in files)


def test_every_rule_of_the_catalogue_is_sound() -> None:
    """Files fill the day without rest, products exist, and no two rules of a kind give one name."""
    pairs = {(product.code, product.extension) for product in CATALOGUE.products}
    kinds = {device.kind.name: device.kind for device in CATALOGUE.devices.values()}
    assert sum(bool(kind.archive) for kind in kinds.values()) > 30
    for kind in kinds.values():
        assert len({(rule.suffix, rule.extension) for rule in kind.archive}) == len(kind.archive)
        for rule in kind.archive:
            assert (rule.product, rule.extension) in pairs
            assert 86_400 % rule.every == 0
            assert 0 <= rule.offset < rule.every
