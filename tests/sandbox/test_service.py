"""The sandbox as an object: its token, its log, its mistakes."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping

import pytest

from oncsync.sandbox import Asked as Entry
from oncsync.sandbox import Catalogue, Reply, Sandbox, page_reply
from oncsync.sandbox.orders import Order, read_order
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Asked


def test_each_sandbox_has_a_fresh_token_in_uuid_form(catalogue: Catalogue) -> None:
    tokens = [Sandbox(catalogue=catalogue).token for _ in range(3)]
    assert len(set(tokens)) == 3
    assert all(str(uuid.UUID(token)) == token for token in tokens)


def test_no_text_of_it_shows_the_token(ask: Asked) -> None:
    ask("locations", bogus="1")
    ask.order(**(CTD_CSV | MAY))
    shown = f"{ask.sandbox!r} {ask.sandbox} {ask.sandbox.asked!r} {ask.sandbox.broken!r}"
    assert ask.sandbox.token not in shown


def test_the_log_holds_every_request_without_the_token(ask: Asked) -> None:
    ask("locations", locationCode="BACAX")
    ask.raw("HEAD", "nothing", {"token": "secret"})
    assert ask.sandbox.asked == (
        Entry("GET", "/api/locations", {"locationCode": "BACAX"}, 200, NOW),
        Entry("HEAD", "/api/nothing", {}, 404, NOW),
    )


def test_the_log_can_be_read_while_it_grows(ask: Asked) -> None:
    def many() -> None:
        for _ in range(50):
            ask("devices", deviceCode="BPR_889")

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        assert len(ask.sandbox.asked) >= seen
        seen = len(ask.sandbox.asked)
    for thread in threads:
        thread.join()
    assert len(ask.sandbox.asked) == 200


def test_a_mistake_of_its_own_is_500_and_kept(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncsync.sandbox.discovery.answer", lambda *_: 1 / 0)
    reply = ask.sandbox.answer("GET", f"/api/locations?token={ask.sandbox.token}")
    assert reply.status == 500
    assert reply.media_type.startswith("text/html")
    assert [type(mistake) for mistake in ask.sandbox.broken] == [ZeroDivisionError]
    assert ask.sandbox.asked[-1].status == 500


def test_an_interference_answers_in_the_place_of_the_service(ask: Asked) -> None:
    """It sees the request without the token, and what it leaves alone goes its way."""
    seen: list[tuple[str, str, dict[str, str]]] = []

    def busy_twice(method: str, path: str, parameters: Mapping[str, str]) -> Reply | None:
        seen.append((method, path, dict(parameters)))
        return page_reply(503, "Busy") if len(seen) <= 2 else None

    ask.sandbox.interfere = busy_twice
    assert [ask("devices", deviceCode="BPR_889").status for _ in range(3)] == [503, 503, 200]
    assert seen[0] == ("GET", "/api/devices", {"deviceCode": "BPR_889"})
    assert [entry.status for entry in ask.sandbox.asked] == [503, 503, 200]


def test_a_seed_fixes_the_durations_but_not_the_ids(catalogue: Catalogue) -> None:
    def durations() -> tuple[list[float], int]:
        sandbox = Sandbox(catalogue=catalogue, seed=7)
        order = _order(sandbox)
        drawn = [sandbox.deliveries._duration(order) for _ in range(5)]
        return drawn, sandbox.deliveries._last_request_id

    first, second = durations(), durations()
    assert first[0] == second[0]
    assert all(1 <= seconds <= 3 for seconds in first[0])
    assert first[1] != second[1]


def _order(sandbox: Sandbox) -> Order:
    return read_order(sandbox.catalogue, CTD_CSV | MAY, NOW)


def test_it_needs_nothing_but_the_standard_library() -> None:
    """The sandbox imports none of the other rooms and no library."""
    script = (
        "import sys; before = set(sys.modules); import oncsync.sandbox;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "rooms = {m for m in sys.modules if m.startswith('oncsync.') and not m.startswith('oncsync.sandbox')};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'oncsync'}), sorted(rooms))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[] []"
