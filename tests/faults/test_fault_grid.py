"""Every fault of the embedded service at every stage: a sync gets through or says why, in few questions, and heals.

F6: faults x stages (an order is placed, polled, downloaded; before it, discovery). F7: every question fails with some
probability. What cannot be seen from outside (a body that is short and says so nowhere) is not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from oncsync import connection
from oncsync.api import RetryPolicy, Session, Timeouts
from oncsync.errors import OncsyncError
from oncsync.sandbox import Fault, Faults, Sandbox
from oncsync.sandbox.faults import KINDS
from tests.faults.staging import EIGHT_MONTHS, NO_METADATA, chunks_of, sync
from tests.support.world import CTD_CSV, QUICK_PACE, TOKEN, World, quick_sandbox

DELIVERY = "dataProductDelivery/"
STAGES = {"request": DELIVERY + "request", "run": DELIVERY + "run", "download": DELIVERY + "download"}
DISCOVERY = ("locations/tree", "deviceCategories", "deployments", "devices", "dataProducts")
PATIENCE = 0.15
"""How long silence is borne in the tests of it, in seconds."""
MOST_QUESTIONS = 60
"""A sync without faults asks 16 times."""
TWO_MONTHS = CTD_CSV.replace("2015-04-01", "2015-03-01")

SECONDS = {"connection-refused": 0.02, "delay": 0.02, "stall": 0.3, "slow-drip": 0.002}
FAULTS = [
    "connection-refused", "close-before-answer", "reset-before-answer", "delay", "reset-mid-body", "truncated-body",
    "empty-body", "long-body", "wrong-length", "no-length", "chunked", "stall", "slow-drip", "gzip",
    "status-400", "status-401", "status-403", "status-404", "status-410", "status-416", "status-429", "status-500",
    "status-502", "status-503", "status-504", "no-content", "lost-answer", "token-revoked", "redirect", "html-200",
    "json-error-200", "json-busy-200", "bad-json", "truncated-json",
]  # fmt: skip
"""Those that every question can meet; the tests of each are beside the sandbox."""
LATER_FAULTS = [
    "honour-range", "wrong-range", "etag", "changed-etag", "quoted-name", "extended-name", "attachment-spelling",
    "files-reordered", "file-count-missing", "file-count-null", "file-count-low", "end-of-files",
    "booleans-as-text", "numbers-as-text", "dates-without-fraction", "missing-members", "new-members",
    "unknown-run-state", "cancelled-elsewhere", "new-run-after-complete", "orders-forgotten", "404-for-empty-list",
    "empty-list-for-404",
]  # fmt: skip
"""Those that the service does to a question of its own choice, and that cost nothing when they come once."""
FOR_GOOD = {("status-400", "request"), ("status-403", "request"), ("status-410", "request"), ("status-403", "download")}
"""Where the service's word is taken for the last one: `--retry-failed` asks again."""
WORDS = ("status-400", "status-403", "status-404", "status-410", "status-416", "redirect")
"""What the service says on purpose: such a chunk waits for the next sync."""


@pytest.fixture(autouse=True)
def _quick_sessions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has sessions hardly wait between two tries, and give up on silence at once where the fault is silence."""
    is_silent = "stall" in request.node.name
    limit = PATIENCE if is_silent else 10.0
    settings = {
        "timeouts": Timeouts(connect=limit, first_byte=limit, idle=limit),
        "retry": RetryPolicy(attempts=3, first=0.01, cap=0.02),
    }

    def open_quickly(url: str, token: str, **rest: Any) -> Session:
        return Session(url, token, **(rest | settings))

    monkeypatch.setattr(connection, "Session", open_quickly)


@pytest.fixture
def small(world: World) -> World:
    """A manifest of two chunks."""
    world.write(TWO_MONTHS)
    return world


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """The files of a sync that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch, quick_sandbox() as sandbox:
        patch.setenv("ONC_TOKEN", TOKEN)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        world = World(tmp_path_factory.mktemp("whole"), sandbox, TWO_MONTHS)
        assert world.sync().exit_code == 0
        yield world.tree()


def make_fault(name: str, on: str | tuple[str, ...] | None = None, **conditions: object) -> Fault:
    """Gives a rule with waits that a test can afford."""
    waits = {"seconds": SECONDS[name]} if name in SECONDS else {}
    waits |= {"bytes": 8000} if name == "slow-drip" else {}
    return Fault(name, on=on, **waits, **conditions)  # type: ignore[arg-type]


def exit_code(world: World) -> int:
    """Syncs and gives the exit code; anything but a result or an error of ours is a bug."""
    try:
        return sync(world).exit_code
    except OncsyncError as error:
        told = error
    assert told.exit_code != 70, told
    assert told.message
    assert TOKEN not in str(told)
    return told.exit_code


def end_faults(sandbox: Sandbox) -> None:
    """Lets all be well from here on, also for a service that was away."""
    sandbox.faults = Faults()
    sandbox.stop()
    sandbox.start()


def assert_part_of(world: World, whole: dict[str, bytes]) -> None:
    """Asserts that each file is one of the undisturbed sync, whole, and that none is half here."""
    tree = world.tree() if world.folder.exists() else {}
    assert {name: whole.get(name) == content for name, content in tree.items()} == dict.fromkeys(tree, True)
    partial = world.folder / ".oncsync" / "partial"
    assert not partial.exists() or not list(partial.iterdir())


# --- F6 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_a_sync_in_few_questions_and_the_next_one_heals(
    small: World, whole: dict[str, bytes], name: str, stage: str
) -> None:
    """F6: it gets through, or ends with 3, 4 or 5; no file is torn; no order is placed twice once it has its id."""
    sandbox = small.sandbox
    small.project().resolve()
    sandbox.faults = Faults([make_fault(name, STAGES[stage])])
    code = exit_code(small)
    questions, orders = len(sandbox.asked), small.asked("request")
    assert code in (0, 3, 4, 5)
    assert questions <= MOST_QUESTIONS
    assert orders <= 2 * QUICK_PACE.attempts
    assert stage == "request" or orders <= 4
    assert_part_of(small, whole)
    assert not sandbox.broken
    end_faults(sandbox)
    healed = exit_code(small)
    if code != 0 and (name, stage) in FOR_GOOD:
        assert healed == 3
        healed = sync(small, retry_failed=True).exit_code
    assert healed == 0
    data = {path for path in whole if "/_meta/" not in path}
    assert data <= small.tree().keys()
    assert_part_of(small, whole)
    assert sandbox.peak_alive_orders <= 4


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("status-401", "token-revoked")])
def test_a_fault_that_comes_once_costs_a_few_questions(
    small: World, whole: dict[str, bytes], name: str, stage: str
) -> None:
    """F6: the sync itself gets over it, except where the service's word is the last one."""
    small.sandbox.faults = Faults([make_fault(name, STAGES[stage], nth=2)])
    code = exit_code(small)
    assert len(small.sandbox.asked) <= MOST_QUESTIONS
    assert small.asked("request") <= 3
    assert_part_of(small, whole)
    if code == 0:
        assert {path for path in whole if "/_meta/" not in path} <= small.tree().keys()
    else:
        assert (code, name in WORDS) == (3, True)


@pytest.mark.parametrize("name", LATER_FAULTS)
def test_a_whim_of_the_service_is_got_through(small: World, whole: dict[str, bytes], name: str) -> None:
    """F6: headers, shapes of JSON and whims of orders change no file; an order that is lost is placed once more."""
    assert name in KINDS
    times = 1 if name in ("orders-forgotten", "cancelled-elsewhere") else None
    small.sandbox.faults = Faults([make_fault(name, times=times)])
    assert exit_code(small) == 0
    assert small.tree() == whole
    assert len(small.sandbox.asked) <= MOST_QUESTIONS
    assert small.asked("request") <= 4


@pytest.mark.parametrize("name", FAULTS)
def test_discovery_that_fails_leaves_nothing_behind(small: World, whole: dict[str, bytes], name: str) -> None:
    """F6: before the first order, too; codes that the service denies are a mistake of the manifest (2)."""
    small.sandbox.faults = Faults([make_fault(name, DISCOVERY)])
    code = exit_code(small)
    assert code in (0, 2, 3, 4, 5)
    assert len(small.sandbox.asked) <= MOST_QUESTIONS
    assert code == 0 or small.asked("request") == 0
    end_faults(small.sandbox)
    assert exit_code(small) == 0
    assert small.tree() == whole


# --- F7 ------------------------------------------------------------------------------------------------------------

ANY_TROUBLE = ("close-before-answer", "reset-mid-body", "truncated-body", "status-500", "status-503", "html-200",
               "bad-json")  # fmt: skip


@pytest.mark.parametrize("name", ANY_TROUBLE)
@pytest.mark.parametrize("seed", range(3))
def test_with_three_failures_in_ten_questions_it_completes(
    small: World, whole: dict[str, bytes], name: str, seed: int
) -> None:
    """F7, p = 0.3: in at most three syncs, mostly in one, with every file the same."""
    small.sandbox.faults = Faults([make_fault(name, "*", probability=0.3)], seed=seed)
    codes = [exit_code(small)]
    while codes[-1] != 0 and len(codes) < 3:
        assert codes[-1] in (3, 5)
        codes.append(exit_code(small))
    assert codes[-1] == 0
    assert {path for path in whole if "/_meta/" not in path} <= small.tree().keys()
    assert_part_of(small, whole)


@pytest.mark.parametrize("name", ANY_TROUBLE)
@pytest.mark.parametrize("has_lock", [False, True], ids=["at once", "with a lock"])
def test_when_every_question_fails_it_ends_with_5(small: World, name: str, has_lock: bool) -> None:
    """F7, p = 1: nothing is ordered, no lock is written in the name of a service that said nothing."""
    if has_lock:
        small.project().resolve()
    before = len(small.sandbox.asked)
    small.sandbox.faults = Faults([make_fault(name, "*", answered=None)])
    code = exit_code(small)
    told_apart = has_lock and name in ("truncated-body", "html-200", "bad-json")
    assert code == (3 if told_apart else 5), "an answer that cannot be read is about its question alone"
    assert len(small.sandbox.asked) - before <= 2 * QUICK_PACE.attempts + 4
    assert has_lock or not (small.directory / "oncsync.lock").exists()


NOT_ABOUT_ALL = ("status-500", "bad-json", "status-400", "status-404")
"""Faults of `run` alone that are no outage, while orders can still be placed."""


@pytest.mark.parametrize("name", NOT_ABOUT_ALL)
def test_orders_that_cannot_be_asked_about_end_the_run_and_are_taken_up(world: World, name: str) -> None:
    """They hold every slot until they are known to be over; the next sync asks, this one does not wait two days."""
    world.write(EIGHT_MONTHS, settings=f"  runThreads: 2\n{NO_METADATA}")
    world.sandbox.faults = Faults([Fault(name, on=STAGES["run"], body="html" if name == "status-500" else "json")
                                   if name.startswith("status") else Fault(name, on=STAGES["run"])])  # fmt: skip
    result = sync(world)
    assert result.exit_code == 3
    if name != "status-400":  # code 127: the service knows no such order, so it holds no slot
        assert result.stopped is not None
        assert "may be alive; 6 of 8 chunks are left" in result.stopped.message
        assert world.asked("request") == 2
    world.sandbox.faults = Faults()
    assert sync(world).counts.done == 8
    assert world.sandbox.peak_alive_orders <= 2


def test_an_order_beyond_the_quota_of_the_account_ends_the_run_and_is_taken_up(world: World) -> None:
    """A quota that others have used up, told with 400: nothing hangs, nothing is ordered in vain (R94)."""
    world.write(EIGHT_MONTHS, settings=f"  runThreads: 2\n{NO_METADATA}")
    full = Fault("status-400", on=STAGES["run"], code=130, text="At most 4 orders", parameter="dpRequestId")
    world.sandbox.faults = Faults([full])
    result = sync(world)
    assert (result.exit_code, result.counts.failed, world.asked("request")) == (3, 2, 2)
    world.sandbox.faults = Faults()
    assert sync(world).counts.done == 8
    assert world.asked("request") == 8


def test_while_every_transfer_fails_no_new_one_begins(world: World) -> None:
    """F7: no burst through a long queue; the next tries come one after the other."""
    world.write(EIGHT_MONTHS, settings=f"  downloadThreads: 2\n  runThreads: 8\n{NO_METADATA}")
    world.sandbox.faults = Faults([Fault("endless-download")])
    assert sync(world, max_seconds=1).exit_code == 7
    assert all(chunk.order is not None and chunk.order.is_ended for chunk in chunks_of(world))
    world.sandbox.faults = Faults([make_fault("close-before-answer", "*")])
    before = len(world.sandbox.asked)
    assert exit_code(world) == 5
    assert len(world.sandbox.asked) - before <= (QUICK_PACE.attempts + 2) * QUICK_PACE.attempts
