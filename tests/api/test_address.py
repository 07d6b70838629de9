"""Which addresses a token may travel to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.api.address import Address, is_loopback, parse_address, redirect_target
from oncsync.errors import InputError

ONC = Address("https", "data.oceannetworks.ca", 443)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://data.oceannetworks.ca/", "https://data.oceannetworks.ca/"),
        ("https://data.oceannetworks.ca", "https://data.oceannetworks.ca/"),
        (" https://Data.OceanNetworks.CA:443 ", "https://data.oceannetworks.ca/"),
        ("https://proxy.example:8443/onc/", "https://proxy.example:8443/onc/"),
        ("https://proxy.example/onc", "https://proxy.example/onc/"),
        ("http://localhost:8000", "http://localhost:8000/"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/"),
        ("http://127.9.9.9", "http://127.9.9.9/"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_usable_addresses_get_one_spelling(text: str, url: str) -> None:
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "http://data.oceannetworks.ca/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://128.0.0.1/",
        "http://0.0.0.0/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::2]/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost./",
    ],
)
def test_plain_http_goes_to_this_machine_alone(text: str) -> None:
    """Open question 48: the token travels in the query."""
    with pytest.raises(InputError, match="plain http") as caught:
        parse_address(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data.oceannetworks.ca",
        "ftp://data.oceannetworks.ca/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@data.oceannetworks.ca/",
        "http://localhost@evil.example/",
        "http://localhost\\@evil.example/",
        "https://h/?token=secret",
        "https://h/#x",
        "https://h/a b",
        "https://h:0/",
        "https://h:65536/",
        "https://h\r\nx/",
    ],
)
def test_anything_else_is_no_address_and_is_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_address(text)
    assert "secret" not in caught.value.render()


@given(st.text(max_size=40))
def test_plain_http_to_any_other_host_is_never_accepted(host: str) -> None:
    try:
        address = parse_address(f"http://{host}/")
    except InputError:
        return
    assert is_loopback(address.host)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/api/locations?a=1", ("/api/locations", "a=1")),
        ("https://data.oceannetworks.ca/x", ("/x", "")),
        ("HTTPS://DATA.oceannetworks.ca:443/x?b", ("/x", "b")),
        ("tree", ("/api/tree", "")),
        ("?page=2", ("/api/locations", "page=2")),
        ("https://user@data.oceannetworks.ca/x", ("/x", "")),
        ("https://evil.example/api", None),
        ("//evil.example/api", None),
        ("http://data.oceannetworks.ca/x", None),
        ("https://data.oceannetworks.ca:444/x", None),
        ("https://data.oceannetworks.ca.evil.example/x", None),
        ("https://data.oceannetworks.ca@evil.example/x", None),
        ("https://[broken/", None),
        ("https://h:notaport/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_redirect_stays_with_scheme_host_and_port(location: str, target: tuple[str, str] | None) -> None:
    """Open question 48."""
    assert redirect_target(ONC, "/api/locations", location) == target
