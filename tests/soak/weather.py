"""Every fault of the embedded service at once, at rates that a sync survives in the long run."""

from __future__ import annotations

from typing import Any

from oncsync.sandbox import Fault, Faults
from oncsync.sandbox.faults import KINDS

NEAR, FAR, ODD = "BACAX", "NC89", "CBYIP"
"""Places: bodies break at the first, have no length at the second (both at once would look whole to anybody), and
names and numbers of files are odd at the third."""
DELIVERY = "dataProductDelivery/"

ABSENT = {
    "short-body": "a body that is short and says so nowhere can be seen by nobody",
    "token-revoked": "it stays; it is staged for a second at a time",
}
AT_NEAR = ("truncated-body", "reset-mid-body", "empty-body", "long-body", "wrong-length")
AT_FAR = ("no-length", "chunked")
AT_ODD = ("several-runs", "runs-with-equal-names", "duplicate-names", "empty-run", "no-name", "other-name",
          "hostile-name")  # fmt: skip
OWN_RATES = {
    "connection-refused": 0.001,
    "orders-forgotten": 0.0003,
    "status-401": 0.0003,
    "status-429": 0.001,
    "status-503": 0.001,
    "endless-run": 0.002,
    "endless-download": 0.002,
    "slow-drip": 0.01,
}
OWN_WORDS: dict[str, dict[str, Any]] = {
    "connection-refused": {"seconds": 0.2},
    "delay": {"seconds": 0.2},
    "stall": {"seconds": 0.5, "bytes": 100},
    "slow-drip": {"seconds": 0.01, "bytes": 500},
    "status-429": {"retry_after": 1},
    "status-503": {"retry_after": 1},
    "late-files": {"seconds": 0.5},
    "metadata-late": {"seconds": 0.5},
    "cancelled-elsewhere": {"polls": 1},
}
LOSING = frozenset({
    "run-error", "cancelled-elsewhere", "endless-run", "endless-download", "file-count-high", "late-files",
    "orders-forgotten", "status-400", "status-403", "status-404", "status-410", "status-416", "no-content",
    "end-of-files", "empty-run", "html-200", "json-error-200", "redirect", "new-run-after-complete",
})  # fmt: skip
"""Faults after which the service's own word is that an order is lost, or worth no further question."""

ENDING = frozenset({"run-error", "status-400", "status-410"})
"""Faults with which the service says that an order is over, or unknown, while its run goes on."""


def make_rules() -> list[Fault]:
    """Gives a rule for every fault that there is, but for those that are absent with a reason."""
    rules = [_rule(name) for name in KINDS if name not in ABSENT]
    rules.append(Fault("status-429", probability=0.0005))  # without Retry-After
    rules.append(Fault("status-500", probability=0.002, body="html"))
    rules.append(Fault("stall", where={"locationCode": NEAR}, probability=0.002, seconds=0.5, bytes=100, then="close"))
    rules.append(Fault("run-error", probability=0.003, form="download"))
    rules.append(Fault("status-503", on=f"{DELIVERY}download", where={"index": "meta"}, probability=0.01))
    return rules


def _rule(name: str) -> Fault:
    words = dict(OWN_WORDS.get(name, {}))
    rate = OWN_RATES.get(name, 0.005 if KINDS[name].per_order else 0.003)
    for names, place in ((AT_NEAR, NEAR), (AT_FAR, FAR), (AT_ODD, ODD)):
        if name in names:
            words["where"] = {"locationCode": place}
            rate = 0.05 if place == ODD else 0.01
    return Fault(name, probability=rate, **words)


def bad_weather(seed: int, *, revoked: bool = False) -> Faults:
    """Gives all faults at once; with `revoked` the token is refused from the next question on."""
    rules = make_rules()
    return Faults([*rules, Fault("token-revoked", times=1)] if revoked else rules, seed=seed)
