"""The manifests of the page on the manifest mean something on the embedded service."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oncsync.api import Session
from oncsync.manifest import load_manifest
from oncsync.resolver import Resolution, resolve_manifest
from oncsync.sandbox.catalogue import read_catalogue
from tests.resolver.world import NOW, TOKEN, World
from tests.support.scripted import Serve, serve

__all__ = ["serve"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "manifest.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
MANIFESTS = {name[1]: text for text in BLOCKS if (name := re.search(r"(?m)^  - name: (\S+)$", text))}
(CALLS,) = re.findall(r"```text\n(time,.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def documented(tmp_path: Path, serve: Serve) -> dict[str, Resolution]:
    """Every manifest of the page, resolved with the events of the page."""
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    made = {}
    with Session(serve(World(read_catalogue())).url, TOKEN, on_message=lambda text: None) as session:
        for name, text in MANIFESTS.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(text, encoding="utf-8")
            made[name] = resolve_manifest(load_manifest(path, environment={}), session, lambda: NOW, None)
    return made


def test_the_documented_manifests_mean_what_the_page_says(documented: dict[str, Resolution]) -> None:
    """R137 to R139, R141: events, a position, options."""
    assert set(documented) == {"sonar-nearby", "fin-whales", "averages"}
    requests = {name: one.lock.entries[0].requests for name, one in documented.items()}
    assert all(requests.values())
    assert {one.about["label"] for one in requests["fin-whales"]} == {"fin whale", "blue whale"}
    assert {one.extension for one in requests["fin-whales"]} == {"png", "mat"}
    sent = {f"{one.data_product_code}/{one.extension}": one.options for one in requests["averages"]}
    assert sent["TSSD/csv"]["dpo_average"] == "3600"
    assert sent["TSSP/png"]["dpo_resample"] == "none"
    assert "dpo_dataGaps" in sent["TSSD/csv"], "a default that is pinned"
    assert documented["fin-whales"].failures == ()


def test_two_calls_of_one_minute_are_one_request(documented: dict[str, Resolution]) -> None:
    june = [one for one in documented["fin-whales"].lock.entries[0].requests if one.begin.month == 6]
    assert {f"{one.begin:%H:%M:%S}..{one.end:%H:%M:%S}" for one in june if one.end} == {"10:14:30..10:16:10"}
