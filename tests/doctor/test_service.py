"""The way to the service, its answer, the token and the clock: each failing kind has its verdict, code and cure."""

from __future__ import annotations

import socket
import ssl
import threading
import types
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncsync import credentials
from oncsync.credentials import store_token
from oncsync.doctor import Report
from oncsync.doctor import service as service_checks
from oncsync.doctor.machine import Certificate, Machine
from oncsync.doctor.service import check_way, find_way
from oncsync.timespan import UTC
from tests.doctor.conftest import CATEGORY, DATE, NOW, TOKEN, Diagnose, environment_with, finding, machine
from tests.support.scripted import Reply, ScriptedService, Serve

WRONG = "5ec7e70c-0000-4000-8000-00c0ffee0666"
ONC = {"ONC_TOKEN": TOKEN}


def verdicts(report: Report, *names: str) -> list[str]:
    """Gives the verdicts of some findings."""
    return [finding(report, name).verdict for name in names]


def free_port() -> int:
    """Gives a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_service_in_order_is_all_well(diagnose: Diagnose, service: ScriptedService) -> None:
    report = diagnose(environment=environment_with(service))
    assert verdicts(report, "service", "name", "connection", "answer", "token", "clock") == ["ok"] * 6
    assert finding(report, "certificate").verdict == "skipped", "loopback has none"
    assert (report.verdict, report.exit_code) == ("ok", 0)
    assert [asked.path for asked in service.asked] == ["/api/deviceCategories"], "one question, and no order"
    assert finding(report, "token").facts == {"source": "the variable `ONC_TOKEN`", "works": True}


# --- The token -------------------------------------------------------------------------------------------------


def test_a_refused_token_is_exit_4_and_the_service_is_well(diagnose: Diagnose, service: ScriptedService) -> None:
    report = diagnose(environment=environment_with(service, WRONG))
    token = finding(report, "token")
    assert (token.verdict, report.exit_code) == ("problem", 4)
    assert "from the variable `ONC_TOKEN` does not work: 127.0.0.1 refuses it" in token.what
    assert "Generate Token" in (token.hint or "")
    assert verdicts(report, "answer", "clock") == ["ok", "ok"]


def test_an_expired_token_is_called_so_when_the_service_does(diagnose: Diagnose, serve: Serve) -> None:
    service = serve([Reply.of_errors((127, "Token has expired", "token"), status=401)])
    assert "calls it expired" in finding(diagnose(environment=environment_with(service)), "token").what


def test_without_a_token_the_service_is_looked_at_all_the_same(diagnose: Diagnose, service: ScriptedService) -> None:
    report = diagnose(environment=environment_with(service, None))
    token = finding(report, "token")
    assert (token.verdict, report.exit_code) == ("problem", 4)
    assert "No token for `127.0.0.1` was found" in token.what
    assert "ONC_TOKEN" in (token.hint or "")
    assert finding(report, "answer").verdict == "ok"
    assert service.asked[0].query["token"] == "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("source", ["file", "variable", ".netrc", "keyring", "store"])
def test_it_says_where_the_token_came_from_and_never_what_it_is(
    diagnose: Diagnose, service: ScriptedService, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, file = environment_with(service, None), None
    if source == "file":
        file = tmp_path / "token.txt"
        file.write_text(TOKEN)
    elif source == "variable":
        environment["ONC_TOKEN"] = TOKEN
    elif source == ".netrc":
        (Path.home() / ".netrc").write_text(f"machine 127.0.0.1 login me password {TOKEN}\n")
        (Path.home() / ".netrc").chmod(0o600)
    elif source == "keyring":
        ring = types.SimpleNamespace(get_password=lambda service, host: TOKEN if host == "127.0.0.1" else None)
        monkeypatch.setattr(credentials, "_keyring", lambda: ring)
    else:
        store_token("127.0.0.1", TOKEN)
    report = diagnose(environment=environment, token_file=file)
    assert finding(report, "token").verdict == "ok"
    assert source in finding(report, "token").what
    assert TOKEN not in repr(report)


@pytest.mark.parametrize("content", ["", "not a token at all, but a sentence"])
def test_a_token_that_cannot_be_one_is_a_problem_without_being_shown(
    diagnose: Diagnose, service: ScriptedService, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "token.txt"
    file.write_text(content)
    report = diagnose(environment=environment_with(service, None), token_file=file)
    assert (finding(report, "token").verdict, report.exit_code) == ("problem", 4)
    assert "sentence" not in repr(report)


def test_a_token_that_the_service_echoes_is_shown_nowhere(diagnose: Diagnose, serve: Serve) -> None:
    """R181: an error text, a page and an environment that repeat the token give findings without it."""
    said = f"bad token={TOKEN}, {TOKEN}"
    for reply in (Reply.of_errors((127, said, "token"), status=401), Reply.of_page(said), Reply(500, said.encode())):
        environment = environment_with(serve([reply]), ONCSYNC_FOLDER=f"/tmp/{TOKEN}")
        assert TOKEN not in repr(diagnose(environment=environment))


def test_data_that_are_restricted_are_no_reason_to_doubt_the_token(diagnose: Diagnose, serve: Serve) -> None:
    report = diagnose(environment=environment_with(serve([Reply(403, b"no", DATE)])))
    assert (finding(report, "token").verdict, report.exit_code) == ("warning", 0)


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of_errors((127, "Invalid parameter value", "deviceCategoryCode"), headers=DATE),
        Reply.of_json({"errors": []}, 404, headers=DATE),
        Reply.of_json([], headers=DATE),
    ],
)
def test_a_service_that_knows_no_ctd_takes_the_token_and_is_an_odd_one(
    diagnose: Diagnose, serve: Serve, reply: Reply
) -> None:
    """A 400 or 404 about the question comes after the token was taken; ONC's service does not answer so."""
    report = diagnose(environment=environment_with(serve([reply])))
    assert verdicts(report, "answer", "token") == ["warning", "ok"]
    assert "not as the service does" in finding(report, "answer").what
    assert report.exit_code == 0


def test_a_refusal_that_speaks_of_the_token_is_no_sign_that_it_works(diagnose: Diagnose, serve: Serve) -> None:
    report = diagnose(environment=environment_with(serve([Reply.of_errors((127, "Invalid", "token"), headers=DATE)])))
    assert verdicts(report, "token") == ["warning"]
    assert finding(report, "token").facts["works"] is None


# --- The way ---------------------------------------------------------------------------------------------------


def test_a_service_that_is_down_is_exit_5(diagnose: Diagnose) -> None:
    environment = {**ONC, "ONCSYNC_SERVER": f"http://127.0.0.1:{free_port()}/"}
    report = diagnose(environment=environment)
    connection = finding(report, "connection")
    assert (connection.verdict, report.exit_code) == ("problem", 5)
    assert "refused" in connection.what
    assert verdicts(report, "answer", "token", "clock") == ["skipped"] * 3


def test_a_name_that_nobody_knows_is_exit_5(diagnose: Diagnose) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    report = diagnose(resolve=resolve)
    assert (finding(report, "name").verdict, report.exit_code) == ("problem", 5)
    assert "`data.oceannetworks.ca` cannot be resolved" in finding(report, "name").what
    assert verdicts(report, "connection", "certificate", "answer") == ["skipped"] * 3


def on_paper(**changed: Any) -> dict[str, Any]:
    """Gives a network in which production is found and greeted, but never asked."""
    good = Certificate("A Good Authority", NOW + timedelta(days=90))
    return {
        "resolve": lambda host, port: ["192.0.2.1"],
        "connect": lambda host, port: None,
        "handshake": lambda host, port: good,
        **changed,
    }


def test_a_certificate_that_does_not_hold_is_exit_5(diagnose: Diagnose) -> None:
    def handshake(host: str, port: int) -> Certificate:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = "self-signed certificate in certificate chain"
        raise error

    report = diagnose(**on_paper(handshake=handshake))
    certificate = finding(report, "certificate")
    assert (certificate.verdict, report.exit_code) == ("problem", 5)
    assert "self-signed certificate" in certificate.what
    assert "REQUESTS_CA_BUNDLE" in (certificate.hint or "")


def test_a_server_that_speaks_no_tls_is_told_apart() -> None:
    """A real handshake, with a server that says something else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        greeter = threading.Thread(target=greet)
        greeter.start()
        with pytest.raises(OSError):
            Machine().handshake("127.0.0.1", listener.getsockname()[1])
        greeter.join()


def test_a_proxy_is_gone_to_in_place_of_the_service_and_its_password_is_not_shown(diagnose: Diagnose) -> None:
    seen: list[tuple[str, int]] = []

    def connect(host: str, port: int) -> None:
        seen.append((host, port))
        raise ConnectionRefusedError(111, "Connection refused")

    report = diagnose(**on_paper(connect=connect, proxy_for=lambda url: "http://me:s3cret@proxy.example:3128"))
    assert seen == [("proxy.example", 3128)]
    assert (finding(report, "connection").verdict, report.exit_code) == ("problem", 5)
    assert "the proxy `proxy.example`" in finding(report, "connection").what
    assert "s3cret" not in repr(report)


def test_the_proxy_of_the_environment_is_the_one_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert Machine().proxy_for("https://data.oceannetworks.ca") == "http://proxy.example:3128"
    monkeypatch.setenv("NO_PROXY", "data.oceannetworks.ca")
    assert Machine().proxy_for("https://data.oceannetworks.ca") is None


def test_an_address_that_cannot_be_used_is_exit_2(diagnose: Diagnose) -> None:
    report = diagnose(environment={**ONC, "ONCSYNC_SERVER": "http://data.example.org/"})
    assert (finding(report, "service").verdict, report.exit_code) == ("problem", 2)
    assert finding(report, "name").verdict == "skipped"


# --- The answer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply.of_page("Login to the network"), "a page titled `Login to the network`"),
        (Reply.of_page("Maintenance", status=503), "503 Service Unavailable"),
        (Reply(404, b"<html>nothing here</html>", {"Content-Type": "text/html"}), "answered with a page"),
        (Reply.of_page("Request blocked", status=400), "a page titled `Request blocked`"),
        (Reply.of_page("Method not allowed", status=405), "a page titled `Method not allowed`"),
        (Reply(200, b"hello"), "no JSON"),
        (Reply(200, b'{"status": "ok"}'), "an answer of another kind"),
        (Reply(302, b"", {"Location": "https://login.example.org/"}), "redirects to another address"),
        (Reply(raw=b"SSH-2.0-OpenSSH\r\n"), "what came back is not HTTP"),
    ],
)
def test_what_answers_but_is_not_the_service_is_exit_5(
    diagnose: Diagnose, serve: Serve, reply: Reply, said: str
) -> None:
    report = diagnose(environment=environment_with(serve([reply])))
    answer = finding(report, "answer")
    assert (answer.verdict, report.exit_code) == ("problem", 5)
    assert said in answer.what
    assert answer.hint
    assert finding(report, "token").facts["works"] is None, "nobody judged the token"


def test_a_slow_service_is_a_warning(diagnose: Diagnose, service: ScriptedService) -> None:
    seconds = iter(range(0, 1000, 11))
    report = diagnose(environment=environment_with(service), clock=lambda: float(next(seconds)))
    assert (finding(report, "answer").verdict, report.exit_code) == ("warning", 0)
    assert finding(report, "answer").facts["seconds"] == 11.0


def test_an_answer_that_trickles_in_does_not_keep_anybody_waiting(
    diagnose: Diagnose, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, the whole would take hours: exit 5, within a minute."""
    monkeypatch.setattr(service_checks, "WHOLE_ANSWER_SECONDS", 0.2)
    slow = Reply(200, b"[" + b" " * 5000 + b"]", DATE, drip=(1, 0.05))
    report = diagnose(environment=environment_with(serve([slow])))
    answer = finding(report, "answer")
    assert (answer.verdict, report.exit_code) == ("problem", 5)
    assert "no whole answer within 0.2 s" in answer.what


# --- The clock -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "words"), [(1, "60 min ahead of"), (-1, "60 min behind")])
def test_a_clock_that_is_an_hour_off_is_exit_1(
    diagnose: Diagnose, service: ScriptedService, ahead: int, words: str
) -> None:
    report = diagnose(environment=environment_with(service), now=lambda: NOW + timedelta(hours=ahead))
    clock = finding(report, "clock")
    assert (clock.verdict, report.exit_code) == ("problem", 1)
    assert words in clock.what
    assert clock.facts == {"offset": -3600.0 * ahead}


@pytest.mark.parametrize(("seconds", "verdict"), [(300, "ok"), (301, "problem")])
def test_five_minutes_are_borne(diagnose: Diagnose, service: ScriptedService, seconds: int, verdict: str) -> None:
    report = diagnose(environment=environment_with(service), now=lambda: NOW + timedelta(seconds=seconds))
    assert finding(report, "clock").verdict == verdict


def test_a_service_without_a_date_says_nothing_of_the_clock(diagnose: Diagnose, serve: Serve) -> None:
    report = diagnose(environment=environment_with(serve([Reply.of_json(CATEGORY)])))
    assert finding(report, "clock").verdict == "skipped"


# --- Offline, and the embedded service -------------------------------------------------------------------------


def test_offline_asks_nobody(diagnose: Diagnose, service: ScriptedService) -> None:
    def nobody(host: str, port: int) -> Any:
        raise AssertionError("no network")

    report = diagnose(
        environment=environment_with(service), offline=True, resolve=nobody, connect=nobody, handshake=nobody
    )
    assert (service.connections, report.exit_code) == (0, 0)
    assert finding(report, "token").what == "there is one, from the variable `ONC_TOKEN`; it was not tried"


def test_the_embedded_service_never_sees_the_users_token(diagnose: Diagnose) -> None:
    report = diagnose(environment={"ONCSYNC_SERVER": "sandbox", "ONC_TOKEN": WRONG}, now=lambda: datetime.now(UTC))
    assert verdicts(report, "service", "answer", "token", "clock") == ["ok"] * 4
    assert "yours is not read" in finding(report, "token").what
    assert report.exit_code == 0


def test_without_manifest_or_variable_it_is_production_that_is_meant(diagnose: Diagnose) -> None:
    def refuse(host: str, port: int) -> None:
        raise TimeoutError

    report = diagnose(**on_paper(connect=refuse))
    assert finding(report, "service").facts["url"] == "https://data.oceannetworks.ca/"
    assert "no answer in time" in finding(report, "connection").what


@pytest.mark.parametrize(("days", "verdict"), [(90, "ok"), (3, "warning")])
def test_a_certificate_that_ends_soon_is_a_warning(days: int, verdict: str) -> None:
    ending = Certificate("An Authority", NOW + timedelta(days=days))
    here = machine(**on_paper(handshake=lambda host, port: ending))
    steps = check_way(find_way("https://data.oceannetworks.ca/", here), here)
    assert [step.verdict for step in steps] == ["ok", "ok", verdict]
    assert "An Authority" in steps[2].what
