"""When a fault hits: ordinals, bounds, probabilities, seeds; and which rules are refused."""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncsync.sandbox import Catalogue, Fault, Faults, FaultsError, Sandbox, read_faults
from oncsync.sandbox.faults import KINDS
from tests.sandbox.asking import CTD_CSV, MAY, NOW, Asked
from tests.sandbox.wire import SHOWN

RUN, DOWNLOAD = "dataProductDelivery/run", "dataProductDelivery/download"
ORDER = CTD_CSV | MAY
BACAX = {"locationCode": "BACAX"}
ROOMS = ("connections", "files", "jobs", "shapes", "statuses")


@pytest.fixture
def hit(ask: Asked) -> Callable[..., list[bool]]:
    """Asks one service so many times under a rule, and gives which times it was hit."""

    def ask_under(count: int, **conditions: object) -> list[bool]:
        ask.sandbox.faults = Faults([Fault("status-503", **conditions)], seed=5)  # type: ignore[arg-type]
        return [ask("locations", **BACAX).status == 503 for _ in range(count)]

    return ask_under


Hit = Callable[..., list[bool]]


def test_every_named_fault_is_shown_on_the_wire() -> None:
    for room in ROOMS:
        importlib.import_module(f"tests.sandbox.test_faults_{room}")
    assert set(KINDS) == SHOWN


def test_every_fault_either_acts_or_changes_and_says_what_it_does() -> None:
    assert all((kind.act is None) != (kind.change is None) for kind in KINDS.values())
    assert all(kind.name == name and kind.text and "\n" not in kind.text for name, kind in KINDS.items())
    assert len({kind.text for kind in KINDS.values()}) == len(KINDS)


# --- When ----------------------------------------------------------------------------------------------------------


def test_without_conditions_it_hits_always(hit: Hit) -> None:
    assert hit(3) == [True] * 3


def test_nth_are_ordinals_from_1(hit: Hit) -> None:
    assert hit(5, nth=[1, 4]) == [True, False, False, True, False]
    assert hit(3, nth=2) == [False, True, False]


def test_times_are_the_first_so_many_and_since_where_they_begin(hit: Hit) -> None:
    assert hit(4, times=2) == [True, True, False, False]
    assert hit(4, since=3) == [False, False, True, True]
    assert hit(5, since=2, times=2) == [False, True, True, False, False]


def test_a_probability_is_a_share(hit: Hit) -> None:
    assert hit(20, probability=0) == [False] * 20
    assert hit(20, probability=1) == [True] * 20
    assert 60 < sum(hit(200, probability=0.5)) < 140
    assert sum(hit(200, probability=0.5, times=3)) == 3


def test_a_rule_is_about_some_services(ask: Asked) -> None:
    ask.sandbox.faults = Faults([Fault("status-503", on=["dev*", "locations/tree"])])
    services = ("devices", "deviceCategories", "locations", "locations/tree", "properties")
    assert [ask(service, **BACAX).status for service in services] == [503, 503, 200, 503, 200]


def test_a_rule_is_about_some_parameters(ask: Asked) -> None:
    ask.sandbox.faults = Faults([Fault("status-503", where={"locationCode": "BAC*"})])
    codes = ("BACAX", "BACCC", "USDDL")
    assert [ask("locations", locationCode=code).status for code in codes] == [503, 503, 200]
    assert ask("devices").status == 200


def test_ordinals_are_counted_for_each_service(ask: Asked) -> None:
    ask.sandbox.faults = Faults([Fault("status-503", nth=[2], per="service")])
    seen = [ask(service, **BACAX).status for service in ("locations", "devices", "locations", "devices", "locations")]
    assert seen == [200, 200, 503, 503, 200]


def test_ordinals_are_counted_for_each_order_from_its_request_on(ask: Asked) -> None:
    """An order that is asked for again is the same order until it has an id."""
    ask.sandbox.faults = Faults([Fault("status-503", on="dataProductDelivery/request", nth=[1], per="order")])
    others = ORDER | {"locationCode": "BACAX"}
    asked = [ORDER, others, ORDER, others, ORDER]
    seen = [ask("dataProductDelivery/request", **given).status for given in asked]
    assert seen == [503, 503, 200, 200, 200]


def test_ordinals_are_counted_for_each_run(ask: Asked) -> None:
    ask.sandbox.faults = Faults([Fault("status-503", on=DOWNLOAD, nth=[2], per="run")])
    runs = [ask.run(ask.order(**ORDER)) for _ in range(2)]
    ask.clock.pass_by(100)
    seen = [ask(DOWNLOAD, dpRunId=run_id, index=index).status for index in (1, "meta", 1) for run_id in runs]
    assert seen == [200, 200, 503, 503, 200, 200]


def test_faults_can_be_exchanged_at_any_time(ask: Asked) -> None:
    ask.sandbox.faults = Faults([Fault("token-revoked")])
    assert ask("locations", **BACAX).status == 401
    ask.sandbox.faults = Faults()
    assert ask("locations", **BACAX).status == 200


def test_an_interference_is_an_answer_of_the_service(ask: Asked) -> None:
    """What a test puts in the service's place is altered like the service's own answers."""
    from oncsync.sandbox import json_reply

    ask.sandbox.interfere = lambda method, path, parameters: json_reply([{"n": 1}])
    ask.sandbox.faults = Faults([Fault("numbers-as-text")])
    assert ask("locations").json == [{"n": "1"}]


# --- Seeds ---------------------------------------------------------------------------------------------------------

QUESTIONS = st.lists(
    st.tuples(st.sampled_from(["locations", "devices"]), st.sampled_from(["BACAX", "USDDL", "BACCC"])), max_size=30
)


def _hits(catalogue: Catalogue, questions: list[tuple[str, str]], seed: int) -> list[str | None]:
    faults = Faults([Fault("status-503", probability=0.4), Fault("html-200", probability=0.5)], seed=seed)
    ask = Asked(catalogue)
    ask.sandbox.faults = faults
    for service, code in questions:
        ask(service, locationCode=code)
    return [one.fault for one in ask.sandbox.asked]


@settings(max_examples=25, deadline=None)
@given(questions=QUESTIONS, seed=st.integers(0, 1000))
def test_with_a_seed_the_same_questions_get_the_same_faults(questions: list[tuple[str, str]], seed: int) -> None:
    catalogue = _catalogue()
    assert _hits(catalogue, questions, seed) == _hits(catalogue, questions, seed)


@settings(max_examples=25, deadline=None)
@given(questions=QUESTIONS.filter(lambda listed: len(listed) > 1), shuffle=st.randoms(), seed=st.integers(0, 1000))
def test_other_questions_in_between_change_nothing(
    questions: list[tuple[str, str]], shuffle: object, seed: int
) -> None:
    """However the questions of threads mix, the n-th time of a question has the fault it has."""
    mixed = list(questions)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]

    def by_question(asked: list[tuple[str, str]]) -> dict[tuple[str, str], list[str | None]]:
        hits = _hits(_catalogue(), asked, seed)
        return {one: [hit for other, hit in zip(asked, hits, strict=True) if other == one] for one in asked}

    assert by_question(questions) == by_question(mixed)


def test_another_seed_draws_otherwise() -> None:
    questions = [("locations", "BACAX")] * 40
    assert len({tuple(_hits(_catalogue(), questions, seed)) for seed in range(4)}) == 4


def test_what_is_drawn_does_not_depend_on_ids_or_threads(catalogue: Catalogue) -> None:
    """Ids are random in each life, and threads come in any order: the same orders fail."""

    def failing(threads: int) -> list[list[int]]:
        ask = Asked(catalogue)
        rules = [Fault("run-error", probability=0.5), Fault("status-503", on=DOWNLOAD, probability=0.5)]
        ask.sandbox.faults = Faults(rules, seed=3)

        def one(day: int) -> list[int]:
            given = ORDER | {"dateFrom": f"2017-05-{day:02d}"}
            request_id = ask.order(**given)
            run = ask(RUN, dpRequestId=request_id)
            run_id = run.json[0]["dpRunId"]
            return [run.status, *(ask(DOWNLOAD, dpRunId=run_id, index=n % 3 + 1).status for n in range(6))]

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(1, 13)))

    alone = failing(1)
    assert failing(4) == alone
    assert len({str(seen) for seen in alone}) > 3


def _catalogue() -> Catalogue:
    from tests.sandbox.wire import catalogue

    return catalogue()


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        ({"fault": "truncated-bdy"}, "No fault is called `truncated-bdy`", "did you mean `truncated-body`?"),
        ({"fault": 3}, "No fault is called `3`", "`oncsync sandbox --list-faults` names them all"),
        ({"fault": "stall", "second": 1}, "`second` is no key of a rule with `stall`", "did you mean `seconds`?"),
        ({"fault": "stall", "prob": 1}, "`prob` is no key of a rule with `stall`", None),
        ({"fault": "stall", "on": "locatoins"}, "`on` names no service: `locatoins`", "did you mean `locations`?"),
        ({"fault": "stall", "on": []}, "`on` must be a service path, a glob of them, or a list of these", None),
        ({"fault": "stall", "where": [1]}, "`where` must be an object of parameters and their values", None),
        ({"fault": "stall", "where": {"index": True}}, "`where.index` must be text or a whole number", None),
        ({"fault": "stall", "probability": 2}, "`probability` must be a number from 0 to 1", None),
        ({"fault": "stall", "nth": []}, "`nth` must be a list of ordinals, the first being 1", None),
        ({"fault": "stall", "nth": [0]}, "`nth` must be a whole number of 1 or more", None),
        ({"fault": "stall", "times": 1.5}, "`times` must be a whole number of 1 or more", None),
        ({"fault": "stall", "since": True}, "`since` must be a whole number of 1 or more", None),
        ({"fault": "stall", "answered": 2000}, "`answered` must be a whole number from 200 to 599", None),
        (
            {"fault": "stall", "per": "orders"},
            "`per` must be one of service, order, run, file",
            "did you mean `order`?",
        ),
        ({"fault": "stall", "seconds": -1}, "`seconds` must be a number of seconds from 0 to 600", None),
        ({"fault": "stall", "seconds": float("nan")}, "`seconds` must be a number of seconds from 0 to 600", None),
        ({"fault": "stall", "then": "goon"}, "`then` must be one of go-on, close", "did you mean `go-on`?"),
        ({"fault": "stall", "bytes": "9"}, "`bytes` must be a whole number of 0 or more", None),
        ({"fault": "gzip", "unasked": 1}, "`unasked` must be true or false", None),
        ({"fault": "bad-json", "text": "a\r\nb"}, "`text` must be text on one line", None),
        ({"fault": "null-members", "members": "depth"}, "`members` must be a list of texts", None),
    ],
)
def test_a_rule_that_cannot_be_used_is_one_message(rule: dict[str, object], message: str, hint: str | None) -> None:
    with pytest.raises(FaultsError) as caught:
        Fault(**rule)  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_ordinals_of_a_fault_of_orders_count_orders() -> None:
    with pytest.raises(FaultsError) as caught:
        Fault("run-error", per="order")
    assert caught.value.message == "`per` does not go with `run-error`"
    assert "ordinals count orders" in str(caught.value.hint)


def test_an_argument_may_be_spelled_either_way_in_python() -> None:
    assert Fault("status-429", retry_after=3) == Fault("status-429", retryAfter=3)


def write(directory: Path, text: str) -> Path:
    path = directory / "faults.json"
    path.write_text(text)
    return path


def test_a_file_says_what_python_says(tmp_path: Path) -> None:
    rule = {"fault": "truncated-body", "on": DOWNLOAD, "where": {"index": 1}, "nth": [3], "per": "order", "bytes": 10}
    other = {"fault": "status-429", "on": ["locations", "devices"], "probability": 0.5, "retryAfter": 2.5}
    read = read_faults(write(tmp_path, json.dumps({"seed": 7, "faults": [rule, other]})))
    assert read.seed == 7
    assert read.rules == (
        Fault("truncated-body", on=DOWNLOAD, where={"index": "1"}, nth=[3], per="order", bytes=10),
        Fault("status-429", on=["locations", "devices"], probability=0.5, retry_after=2.5),
    )
    assert read_faults(tmp_path / "faults.json", seed=9).seed == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "faults.json:1:2: Not JSON: Expecting property name enclosed in double quotes"),
        ('{"faults": [\n  {"fault": stall}]}', "faults.json:2:13: Not JSON: Expecting value"),
        ("[]", "faults.json: A faults file is an object with a list `faults`"),
        ('{"faults": {}}', "faults.json: A faults file is an object with a list `faults`"),
        ('{"faults": [], "sed": 1}', "faults.json: `sed` is no key of a faults file"),
        ('{"faults": [], "seed": "x"}', "faults.json: seed: `seed` must be a whole number"),
        ('{"faults": [{}]}', "faults.json: faults[0]: A rule is an object with a name in `fault`"),
        ('{"faults": ["stall"]}', "faults.json: faults[0]: A rule is an object with a name in `fault`"),
        (
            '{"faults": [{"fault": "stall"}, {"fault": "stal"}]}',
            "faults.json: faults[1]: No fault is called `stal`",
        ),
        ('{"faults": [{"fault": "stall", "nth": [1, 0]}]}',
         "faults.json: faults[0]: `nth` must be a whole number of 1 or more"),
        ('{"faults": [{"fault": "stall", "self": 1}]}',
         "faults.json: faults[0]: `self` is no key of a rule with `stall`"),
        ('{"faults": [{"fault": "status-429", "retry_after": 1}]}',
         "faults.json: faults[0]: `retry_after` is no key of a rule"),
        ('{"faults": [{"fault": "stall", "fault": "chunked"}]}', "faults.json: `fault` stands twice in one object"),
        ("[" * 100_000, "faults.json: Nested too deep"),
        ('{"seed": ' + "9" * 5000 + ', "faults": []}', "faults.json: A number in it is too long"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_message_that_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_faults(write(tmp_path, text))
    assert caught.value.message == message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_bytes(b"\x7b\xff\xfe")
    with pytest.raises(FaultsError, match=r"faults.json: Not a text in UTF-8"):
        read_faults(path)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["fault", "on", "where", "nth", "times", "per", "probability", "bytes", "seconds", "odd"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["stall", "service", "*", "\0"])
        | st.lists(st.integers(-1, 3), max_size=2) | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    )
)  # fmt: skip
def test_whatever_a_rule_says_it_is_a_rule_or_a_message(rule: dict[str, object]) -> None:
    with contextlib.suppress(FaultsError):
        assert Fault(**{"fault": "stall", **rule}).kind.name == "stall"  # type: ignore[arg-type]


# --- One after the other -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["bad-json", "truncated-json", "numbers-as-text", "new-members", "empty-body"])
def test_any_fault_works_on_what_another_left(ask: Asked, before: str) -> None:
    """Two faults of one question, wherever a rule puts them, are never a mistake of the sandbox."""
    request_id = ask.order(**ORDER)
    days = {"dateFrom": "2015-01-01", "dateTo": "2015-01-03"}
    questions: dict[str, dict[str, object]] = {
        RUN: {"dpRequestId": request_id},
        "archivefile/location": {**BACAX, "deviceCategoryCode": "CTD", **days},
        "locations": {**BACAX},
    }
    for name in sorted(KINDS):
        for polls in range(2):
            ask.sandbox.faults = Faults([Fault(before, on="*"), Fault(name, on="*")])
            for service, parameters in questions.items():
                ask.sandbox.answer("GET", f"/api/{service}?{urlencode({'token': ask.sandbox.token, **parameters})}")
                assert not ask.sandbox.broken, (name, service, polls)
            ask.clock.seconds += 60


# --- The log -------------------------------------------------------------------------------------------------------


def test_the_log_file_has_a_line_for_each_question_and_never_the_token(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text('{"earlier": true}\n')
    sandbox = Sandbox(catalogue=catalogue, now=lambda: NOW, log=path, faults=Faults([Fault("status-503", times=1)]))
    for code in ("BACAX", sandbox.token):
        sandbox.answer("GET", f"/api/locations?token={sandbox.token}&locationCode={code}", {"range": "bytes=1-"})
    text = path.read_text()
    assert sandbox.token not in text
    first, second = (json.loads(line) for line in islice(text.splitlines(), 1, None))
    assert first == {
        "at": "2026-11-01T12:00:00.000Z", "method": "GET", "path": "/api/locations",
        "parameters": {"locationCode": "BACAX"}, "status": 503, "fault": "status-503", "range": "bytes=1-",
    }  # fmt: skip
    assert (second["status"], second["fault"], second["parameters"]) == (400, None, {"locationCode": "[token]"})


def test_a_log_that_cannot_be_written_is_told_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        Sandbox(catalogue=catalogue, log=tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_log_without_room_costs_lines_and_no_answer(catalogue: Catalogue) -> None:
    sandbox = Sandbox(catalogue=catalogue, now=lambda: NOW, log="/dev/full")
    assert sandbox.answer("GET", f"/api/locations?token={sandbox.token}&locationCode=BACAX").status == 200
    assert len(sandbox.asked) == 1


def test_the_faults_need_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; import oncsync.sandbox.faults;"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'requests', 'msgspec', 'click', 'yaml'}))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
