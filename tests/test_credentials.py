"""Where the token comes from, to which hosts it goes, and that nobody sees it (rule 5, R21, R22, R181)."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import pytest

from oncsync import credentials
from oncsync.credentials import find_token, forget_token, may_send_to, store_path, store_token, stored_token
from oncsync.errors import InputError, OncsyncError, TokenError

ONC = "https://data.oceannetworks.ca/"
OTHER = "https://data.example.org/"
FILE, VARIABLE, NETRC, STORE = (f"{number}a6b7c8d-1234-4abc-9def-0123456789ab" for number in range(4))
SYSTEM_KEYRING = credentials._keyring
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the keyring of this machine, if it has one, out of the tests."""
    monkeypatch.setattr(credentials, "_keyring", lambda: None)


def write_netrc(host: str = "data.oceannetworks.ca", token: str = NETRC) -> Path:
    """Writes the user's `.netrc`."""
    path = Path.home() / ".netrc"
    path.write_text(f"machine {host} login me password {token}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


# --- Which source ----------------------------------------------------------------------------------------------


def test_the_sources_are_asked_in_their_order(tmp_path: Path) -> None:
    """A named file, then ONC_TOKEN, then .netrc, then the store: each one taken away shows the next."""
    file = tmp_path / "token"
    file.write_text(f"\n  {FILE}\n", encoding="utf-8")
    store_token("data.oceannetworks.ca", STORE)
    netrc = write_netrc()
    environment = {"ONC_TOKEN": f" {VARIABLE} "}
    assert find_token(ONC, token_file=file, environment=environment).reveal() == FILE
    assert find_token(ONC, environment=environment).reveal() == VARIABLE
    assert find_token(ONC, environment={}).reveal() == NETRC
    netrc.unlink()
    assert find_token(ONC, environment={}).reveal() == STORE
    forget_token("data.oceannetworks.ca")
    with pytest.raises(TokenError, match=r"No token for `data\.oceannetworks\.ca` was found"):
        find_token(ONC, environment={})


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONC_TOKEN", VARIABLE)
    assert find_token(ONC).reveal() == VARIABLE


def test_a_missing_token_says_where_to_get_one() -> None:
    """R22; exit code 4."""
    with pytest.raises(TokenError) as caught:
        find_token(ONC, environment={"ONC_TOKEN": "  "})
    assert caught.value.exit_code == 4
    assert caught.value.hint is not None
    assert "Web Services" in caught.value.hint
    assert "ONC_TOKEN" in caught.value.hint


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff\n"])
def test_an_empty_token_file_is_a_mistake_not_a_reason_to_look_elsewhere(tmp_path: Path, content: str) -> None:
    """Whoever names a file does not want another account's token."""
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        find_token(ONC, token_file=file, environment={"ONC_TOKEN": VARIABLE})


def test_a_token_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xef\xbb\xbf" + FILE.encode() + b"\r\n")
    assert find_token(ONC, token_file=file, environment={}).reveal() == FILE


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path, kind: str) -> None:
    """Exit code 2; other sources are not tried in its place."""
    file = tmp_path / "token"
    if kind == "folder":
        file.mkdir()
    elif kind == "binary":
        file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError) as caught:
        find_token(ONC, token_file=file, environment={"ONC_TOKEN": VARIABLE})
    assert f"Cannot read the token file `{file}`" in caught.value.message


# --- Which host ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("data.oceannetworks.ca", True),
        ("qa.oceannetworks.ca", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("data.example.org", False),
        ("oceannetworks.ca.example.org", False),
        ("evil-data.oceannetworks.ca", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_a_token_that_is_bound_to_no_host_goes_to_onc_and_to_this_machine_alone(host: str, may: bool) -> None:
    assert may_send_to(host) is may


def test_another_host_needs_a_token_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(FILE, encoding="utf-8")
    for given in ({"token_file": file, "environment": {}}, {"environment": {"ONC_TOKEN": VARIABLE}}):
        with pytest.raises(TokenError) as caught:
            find_token(OTHER, **given)
        assert caught.value.message == "The token given is for ONC's own hosts; it is not sent to `data.example.org`"
        assert caught.value.hint == "store one for that host: `oncsync auth login --host data.example.org`"
    store_token("data.example.org", STORE)
    assert find_token(OTHER, environment={"ONC_TOKEN": VARIABLE}).reveal() == STORE
    write_netrc("data.example.org")
    assert find_token(OTHER, environment={"ONC_TOKEN": VARIABLE}).reveal() == NETRC


def test_a_token_of_another_host_is_not_onc_s() -> None:
    write_netrc("data.example.org")
    store_token("data.example.org", STORE)
    with pytest.raises(TokenError):
        find_token(ONC, environment={})


def test_the_default_of_a_netrc_is_bound_to_no_host() -> None:
    """It is the password of something else altogether."""
    (Path.home() / ".netrc").write_text(f"default login me password {NETRC}\n", encoding="utf-8")
    for url in (ONC, OTHER, "https://default/"):
        with pytest.raises(TokenError):
            find_token(url, environment={})


def test_hosts_are_the_same_in_upper_and_lower_case() -> None:
    store_token("Data.Example.ORG", STORE)
    assert find_token("https://DATA.example.org/", environment={}).reveal() == STORE
    assert forget_token("data.EXAMPLE.org")
    write_netrc("Data.Example.Org")
    assert find_token(OTHER, environment={}).reveal() == NETRC


def test_the_variable_netrc_names_another_file(tmp_path: Path) -> None:
    write_netrc(token=STORE)
    named = tmp_path / "mine"
    named.write_text(f"machine data.oceannetworks.ca login me password {NETRC}\n", encoding="utf-8")
    assert find_token(ONC, environment={"NETRC": str(named)}).reveal() == NETRC


@pytest.mark.parametrize("content", [b"machine", b"machine data.oceannetworks.ca login x password", b"\xff\xfe\x80"])
def test_a_netrc_that_cannot_be_read_holds_nothing(content: bytes) -> None:
    (Path.home() / ".netrc").write_bytes(content)
    store_token("data.oceannetworks.ca", STORE)
    assert find_token(ONC, environment={}).reveal() == STORE


# --- The store -------------------------------------------------------------------------------------------------


@posix_only
def test_the_store_is_a_file_that_only_its_owner_reads() -> None:
    old = os.umask(0)
    try:
        said = store_token("data.example.org", STORE)
    finally:
        os.umask(old)
    assert store_path().stat().st_mode & 0o777 == 0o600
    assert str(store_path()) in said
    assert STORE not in said
    assert [path.name for path in store_path().parent.iterdir()] == ["credentials.json"]


def test_tokens_of_several_hosts_lie_side_by_side() -> None:
    store_token("a.example.org", STORE)
    store_token("b.example.org", NETRC)
    store_token("a.example.org", FILE)
    assert (stored_token("a.example.org"), stored_token("b.example.org")) == (FILE, NETRC)
    assert forget_token("a.example.org")
    assert not forget_token("a.example.org")
    assert (stored_token("a.example.org"), stored_token("b.example.org")) == (None, NETRC)
    assert json.loads(store_path().read_text(encoding="utf-8")) == {"b.example.org": NETRC}


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_store_that_others_can_read_is_refused(mode: int) -> None:
    """Neither read nor written to: what lies there may be known already."""
    store_token("data.oceannetworks.ca", STORE)
    store_path().chmod(mode)
    before = store_path().read_bytes()
    for use in (lambda: find_token(ONC, environment={}), lambda: store_token("data.oceannetworks.ca", FILE)):
        with pytest.raises(TokenError, match="can be read by others") as caught:
            use()
        assert caught.value.hint == f"chmod 600 {store_path()}"
    assert store_path().read_bytes() == before


@posix_only
def test_an_open_store_does_not_matter_to_who_brings_a_token() -> None:
    store_token("data.oceannetworks.ca", STORE)
    store_path().chmod(0o644)
    assert find_token(ONC, environment={"ONC_TOKEN": VARIABLE}).reveal() == VARIABLE


@pytest.mark.parametrize("content", [b"{", b"\xff", b"\x00"])
def test_a_broken_store_is_named_without_its_content(content: bytes) -> None:
    store_token("data.oceannetworks.ca", STORE)
    store_path().write_bytes(STORE.encode() + content)
    with pytest.raises(TokenError, match="cannot be read") as caught:
        find_token(ONC, environment={})
    assert str(store_path()) in caught.value.message


def test_a_store_of_another_form_holds_nothing() -> None:
    store_token("data.oceannetworks.ca", STORE)
    store_path().write_text("[1, 2]", encoding="utf-8")
    assert stored_token("data.oceannetworks.ca") is None


@pytest.mark.parametrize("text", ["", "two words", 'quo"te', "tok\u00e9n", "a\nb"])
def test_a_text_that_cannot_be_a_token_is_refused_before_it_is_stored(text: str) -> None:
    with pytest.raises(TokenError):
        store_token("data.oceannetworks.ca", text)
    assert not store_path().exists()


# --- The system's keyring --------------------------------------------------------------------------------------


class Ring:
    """A keyring that keeps what it is given, or fails at everything."""

    def __init__(self, *, is_locked: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self._is_locked = is_locked

    def _open(self) -> None:
        if self._is_locked:
            raise OSError("the keyring is locked")

    def get_password(self, service: str, name: str) -> str | None:
        self._open()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._open()
        self.kept[(service, name)] = password

    def delete_password(self, service: str, name: str) -> None:
        self._open()
        del self.kept[(service, name)]


def test_a_keyring_is_used_in_place_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring()
    monkeypatch.setattr(credentials, "_keyring", lambda: ring)
    assert store_token("data.oceannetworks.ca", STORE) == "the system's keyring"
    assert not store_path().exists()
    assert find_token(ONC, environment={}).reveal() == STORE
    assert forget_token("data.oceannetworks.ca")
    assert ring.kept == {}
    assert not forget_token("data.oceannetworks.ca")


def test_a_keyring_that_is_locked_gives_way_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cron job has no session to unlock it in."""
    monkeypatch.setattr(credentials, "_keyring", lambda: Ring(is_locked=True))
    assert str(store_path()) in store_token("data.oceannetworks.ca", STORE)
    assert find_token(ONC, environment={}).reveal() == STORE
    assert forget_token("data.oceannetworks.ca")


@pytest.mark.parametrize("has_place", [True, False])
def test_a_keyring_without_a_place_for_secrets_is_none(monkeypatch: pytest.MonkeyPatch, has_place: bool) -> None:
    ring = Ring()

    class Failing:
        """What the package gives where there is no keyring."""

    package = types.ModuleType("keyring")
    backends = types.ModuleType("keyring.backends")
    fail = types.ModuleType("keyring.backends.fail")
    vars(fail)["Keyring"] = Failing
    vars(backends)["fail"] = fail
    vars(package).update(get_keyring=lambda: ring if has_place else Failing(), backends=backends)
    for name, module in (("keyring", package), ("keyring.backends", backends), ("keyring.backends.fail", fail)):
        monkeypatch.setitem(sys.modules, name, module)
    found: object = SYSTEM_KEYRING()
    assert (found is ring) is has_place


def test_without_the_optional_package_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert SYSTEM_KEYRING() is None


# --- What can be seen ------------------------------------------------------------------------------------------


def test_no_message_holds_a_token(tmp_path: Path) -> None:
    """Whatever goes wrong: neither message, hint, repr nor cause shows what was read."""
    file = tmp_path / "token"
    secrets = {"file": f"{FILE} {FILE}", "variable": f"'{VARIABLE}'", "netrc": f"{NETRC}!", "store": STORE}
    file.write_text(secrets["file"], encoding="utf-8")
    errors: list[OncsyncError] = []
    for attempt in (
        lambda: find_token(ONC, token_file=file, environment={}),
        lambda: find_token(ONC, environment={"ONC_TOKEN": secrets["variable"]}),
        lambda: find_token(OTHER, environment={"ONC_TOKEN": VARIABLE}),
        lambda: write_netrc(token=secrets["netrc"]) and find_token(ONC, environment={}),
        lambda: store_token("data.oceannetworks.ca", f"{STORE} {STORE}"),
    ):
        with pytest.raises(OncsyncError) as caught:
            attempt()
        errors.append(caught.value)
    for error in errors:
        seen = f"{error.render()}{error!r}{error.__cause__!r}"
        for token in (FILE, VARIABLE, NETRC, STORE):
            assert token not in seen
    assert STORE not in repr(find_token(ONC, environment={"ONC_TOKEN": STORE}))
