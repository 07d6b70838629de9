"""What an entry means: its effective split, and a digest that changes exactly when its meaning does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.manifest import Download, Near, Place, Request, Settings, effective_split, entry_digest
from tests.manifest.support import load_text

DOWNLOAD = Download(name="x", location_codes=("A", "B"), begin="2020-01-01", end="2020-02-01")
REQUEST = Request(
    name="r",
    device_code="A",
    data_product_code="TSSD",
    extension="csv",
    begin="2020-01-01",
    end="2020-02-01",
    options={"dpo_a": "1", "dpo_b": "2"},
)


class TestSplit:
    def test_downloads_are_split_by_month_and_requests_not_at_all(self) -> None:
        """R86, R88: `all` for a row of the workbook, and weeks begin on Sunday."""
        assert effective_split(Settings(), DOWNLOAD) == ("month", "SU")
        assert effective_split(Settings(), REQUEST) == ("all", "SU")

    def test_settings_decide_for_every_entry_that_does_not(self) -> None:
        """R82, R86, R88: the Configuration tab holds for all rows."""
        settings = Settings(split_date_range="week", day_of_week="MO")
        assert effective_split(settings, DOWNLOAD) == ("week", "MO")
        assert effective_split(settings, REQUEST) == ("week", "MO")

    def test_own_split_wins(self) -> None:
        settings = Settings(split_date_range="week", day_of_week="MO")
        entry = msgspec.structs.replace(DOWNLOAD, split_date_range="day", day_of_week="TU")
        assert effective_split(settings, entry) == ("day", "TU")


CHANGES: dict[str, Any] = {
    "service": "archivefile",
    "download_method": "byDevice",
    "location_codes": ("A",),
    "device_category_codes": ("CTD",),
    "device_codes": ("D",),
    "property_codes": ("p",),
    "data_product_codes": ("TSSD",),
    "data_product_names": ("Audio Data",),
    "extensions": ("csv",),
    "exclude": {"deviceCode": ("D",)},
    "near": Near(lat=1, lon=2, radius_km=3),
    "prefer": ("flac", "wav"),
    "begin": "2020-01-02",
    "end": "2020-02-02",
    "options": {"": {"dpo_a": "1"}},
    "pin_options": True,
    "path": "{year}",
    "split_date_range": "day",
    "metadata": False,
    "max_order_hours": 3,
    "late_days": 3,
    "refresh_open": "PT1H",
    "match": ("*.x",),
    "not_match": ("*.x",),
    "min_size": "1 kB",
    "max_size": "1 kB",
    "newest": 1,
    "limit": 1,
    "latest": True,
    "keep": "P7D",
}


class TestDigest:
    @pytest.mark.parametrize("member", CHANGES)
    def test_every_key_that_decides_something_changes_it(self, member: str) -> None:
        changed = msgspec.structs.replace(DOWNLOAD, **{member: CHANGES[member]})
        assert entry_digest(changed, Settings()) != entry_digest(DOWNLOAD, Settings())

    def test_every_member_of_a_download_is_thought_of(self) -> None:
        aside = {"name", "place", "places", "events", "day_of_week"}
        assert {field.name for field in msgspec.structs.fields(Download)} == CHANGES.keys() | aside

    def test_all_changes_differ_from_each_other(self) -> None:
        digests = [
            entry_digest(msgspec.structs.replace(DOWNLOAD, **{member: value}), Settings())
            for member, value in CHANGES.items()
        ]
        assert len(set(digests)) == len(digests)

    @pytest.mark.parametrize(
        "changes",
        [
            {"download": False},
            {"location_code": "B"},
            {"device_category_code": "CTD"},
            {"device_code": "B"},
            {"property_code": "p"},
            {"data_product_code": "AD"},
            {"extension": "mat"},
            {"begin": "2020-01-02"},
            {"end": None},
            {"options": {"dpo_a": "1"}},
            {"pin_options": True},
            {"path": "x"},
            {"split_date_range": "day"},
            {"metadata": True},
        ],
    )
    def test_every_key_of_a_request_changes_it(self, changes: dict[str, Any]) -> None:
        """R61: the edited value is what is requested."""
        assert entry_digest(msgspec.structs.replace(REQUEST, **changes), Settings()) != entry_digest(
            REQUEST, Settings()
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "y"},
            {"place": Place("f", 1, 1), "places": {"begin": Place("f", 2, 2)}},
            {"location_codes": ("B", "A")},
            {"begin": "2020-01-01T00:00:00.000Z"},
            {"end": "2020-01-31T23:59:59.999Z"},
            {"end": "2020-01-31 23:59:59"},
            {"day_of_week": "MO"},
            {"split_date_range": "month"},
            {"options": {"": {}}},
        ],
    )
    def test_another_way_to_say_the_same_changes_nothing(self, changes: dict[str, Any]) -> None:
        """I-3: an inclusive end to the millisecond is the exclusive one."""
        assert entry_digest(msgspec.structs.replace(DOWNLOAD, **changes), Settings()) == entry_digest(
            DOWNLOAD, Settings()
        )

    @pytest.mark.parametrize(
        "changes",
        [{"name": "y"}, {"columns": {"note": "x"}}, {"options": {"dpo_b": "2", "dpo_a": "1"}}, {"day_of_week": "TU"}],
    )
    def test_what_a_request_does_not_send_changes_nothing(self, changes: dict[str, Any]) -> None:
        """R62, R63: information and own columns are never part of a request."""
        assert entry_digest(msgspec.structs.replace(REQUEST, **changes), Settings()) == entry_digest(
            REQUEST, Settings()
        )

    def test_no_end_is_now(self) -> None:
        open_end = msgspec.structs.replace(DOWNLOAD, end=None)
        assert entry_digest(open_end, Settings()) == entry_digest(
            msgspec.structs.replace(DOWNLOAD, end="Now"), Settings()
        )

    def test_day_of_week_counts_with_weeks_alone(self) -> None:
        """R88: dayOfWeek is used with week only."""
        weekly = Settings(split_date_range="week")
        mondays = Settings(split_date_range="week", day_of_week="MO")
        assert entry_digest(DOWNLOAD, weekly) != entry_digest(DOWNLOAD, mondays)
        assert entry_digest(DOWNLOAD, Settings()) == entry_digest(DOWNLOAD, Settings(day_of_week="MO"))

    def test_settings_that_resolve_nothing_do_not_count(self) -> None:
        """R107: unchanged rows stay finished when only the pace changes."""
        pace = Settings(run_threads=1, download_threads=1, begin_run="22:00:00", state="x.json", metadata=False)
        assert entry_digest(DOWNLOAD, pace) == entry_digest(DOWNLOAD, Settings())

    def test_split_does_not_count_for_archive_files(self) -> None:
        archive = msgspec.structs.replace(DOWNLOAD, service="archivefile")
        assert entry_digest(archive, Settings(split_date_range="day")) == entry_digest(archive, Settings())

    def test_order_of_preference_counts(self) -> None:
        one, other = (msgspec.structs.replace(DOWNLOAD, prefer=order) for order in (("a", "b"), ("b", "a")))
        assert entry_digest(one, Settings()) != entry_digest(other, Settings())

    def test_content_of_an_events_file_counts_and_its_name_does_not(self) -> None:
        text = "downloads: [{{name: x, events: {{file: {}}}}}]"
        digests = {}
        for name, content in [("a.csv", "1\n2\n"), ("b.csv", "\ufeff1\r\n2\r\n"), ("c.csv", "1\n3\n")]:
            manifest = load_text(text.format(name), beside={name: content})
            digests[name] = entry_digest(manifest.downloads[0], manifest.settings)
        assert digests["a.csv"] == digests["b.csv"] != digests["c.csv"]

    def test_comments_and_key_order_do_not_count(self) -> None:
        one = load_text("downloads: [{name: x, locationCode: 'A,B', begin: 2020-01-01, end: 2021-01-01}]")
        other = load_text(
            "# hello\ndownloads:\n  - end: 2021-01-01 # there\n    begin: '2020-01-01'\n    name: y\n"
            "    locationCode: [B, A]\n"
        )
        assert entry_digest(one.downloads[0], one.settings) == entry_digest(other.downloads[0], other.settings)

    def test_digest_is_twenty_hex_digits_and_stays_what_it_was(self) -> None:
        """A new version that changed digests would resolve every lock again."""
        assert entry_digest(DOWNLOAD, Settings()) == "928684bae8b5c17ac4d3"
        assert entry_digest(REQUEST, Settings()) == "22b6c4af3a20b428adf2"

    @given(st.permutations(["A", "B", "C", "D"]))
    def test_any_order_of_codes_means_the_same(self, codes: list[str]) -> None:
        one = msgspec.structs.replace(DOWNLOAD, device_codes=tuple(codes))
        other = msgspec.structs.replace(DOWNLOAD, device_codes=("A", "B", "C", "D"))
        assert entry_digest(one, Settings()) == entry_digest(other, Settings())
