"""Texts that are not YAML, or YAML that is no manifest: one clear mistake, and never anything else."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncsync.errors import InputError, ProblemsError
from oncsync.manifest import load_manifest
from tests.manifest.support import load_text, only_problem, problems_of
from tests.manifest.test_load import WHALES


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("downloads:\n\t- name: x\n", "2:1", "A tab stands where YAML wants spaces", "indent with spaces"),
        ("folder:\tdata\n\tserver: qa", "1:8", "A tab stands", "indent with spaces"),
        ('folder: "C:\\Data"', "1:13", "backslash in double quotes", "forward slashes, or in single quotes"),
        ('folder: "C:\\x1"', "1:14", "backslash in double quotes", "single quotes"),
        ('folder: "\\U00999999"', "1:1", "an escape or a tag that cannot be read", "single quotes"),
        ("folder: *-MODULE.hdf5", "1:9", "an anchor that does not exist", '`"*-MODULE.hdf5"`'),
        ("folder: * x", "1:10", "A text that begins with `*` needs quotes", '`match: "*.hdf5"`'),
        ("folder: & x", "1:10", "A text that begins with `&` needs quotes", None),
        ("folder: {locationCode}/{year}", "1:23", "begins with `{` needs quotes", '`path: "{locationCode}/{year}"`'),
        ("folder: {a: ${x}}", "1:14", "A comma or `}` is missing", "put quotes around `${name}`"),
        ("folder: [{c} d]", "1:14", "A comma or `]` is missing", "put quotes around a text"),
        ("folder: 'it's'", "1:13", "Something follows a closing quote", "double a quote inside the text"),
        ("folder: 'it", "1:9", "A quote is opened here and never closed", "close the quote"),
        ("version: 1\ndownloads: [1, 2\n", "2:12", "A bracket is opened here and never closed", "`]`"),
        ("downloads: {a: 1", "1:12", "A bracket is opened here and never closed", "`}`"),
        ("folder: a: b", "1:10", "A second `: ` stands in one line", "put quotes around a text"),
        ("folder: a\n server: qa", "2:8", "This line does not fit the line above", "in the same column"),
        ("folder\nserver: qa", "2:7", "This line does not fit the line above", "`key: value`"),
        ("folder: a\nserver\n", "3:1", "A key stands here without its `:`", "`key: value`"),
        ("- a\nb: 1", "2:1", "does not fit the indentation", "in the same column"),
        (" a: 1\nb: 2", "2:1", "does not fit the indentation", "in the same column"),
        ("folder: @x", "1:9", "A value cannot begin with `@`", "put quotes"),
        ("folder: `x`", "1:9", "A value cannot begin with a backtick", "put quotes"),
        ("folder: %x", "1:9", "A value cannot begin with `%`", "put quotes"),
        ("folder: >x\n a", "1:10", "This cannot be read as YAML", None),
        ("folder: !!python/object/apply:os.system [ls]", "1:9", "A YAML tag stands here", "begins with `!`"),
        ("folder: !data x", "1:9", "A YAML tag stands here", None),
        ("folder: !x!y z", "1:9", "YAML tags and directives have no meaning", None),
        ("%YAML 9.9\n---\nfolder: x", "1:1", "YAML tags and directives have no meaning", None),
        ("folder: a\n---\nfolder: b", "2:1", "A second document begins here", "remove the line `---`"),
        ("? [a]\n: b", "1:3", "A key is a text here", "needs quotes"),
        ("<<: 5", "1:5", "`<<` merges mappings", "`<<: *name`"),
        ("folder: &a [*a]", "1:13", "an anchor that does not exist before this place", None),
        ("", "1:1", "The manifest is empty", "`oncsync init`"),
        ("# nothing\n", "1:1", "The manifest is empty", "`oncsync init`"),
        ("folder:data", "1:1", "consists of `key: value` lines", "a space after the `:`"),
        ("- name: x", "1:1", "consists of `key: value` lines", "begin with `downloads:`"),
        ("folder: a\x07b", "1:10", "A control character (U+0007) stands here", "remove it"),
        ("version: 1\nfolder: \x00", "2:9", "A control character (U+0000) stands here", "remove it"),
    ],
)
def test_text_that_is_no_yaml(text: str, where: str, message: str, hint: str | None) -> None:
    problem = only_problem(text)
    assert problem.where == f"oncsync.yaml:{where}"
    assert message in problem.message
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint


def test_halves_of_an_escaped_character_are_joined() -> None:
    """JSON is YAML, and writes characters beyond the first plane as two escapes."""
    download = load_text('downloads: [{"name": "x", "begin": "2020-01-01", "dataProductName": "\\ud83d\\udc0b"}]')
    assert download.downloads[0].data_product_names == ("\U0001f40b",)


@pytest.mark.parametrize("escape", ["\\ud83d", "\\udc0b", "\\udc0b\\ud83d"])
def test_escape_of_no_character_is_a_mistake(escape: str) -> None:
    problem = only_problem(f'folder: "{escape}"')
    assert problem.where == "oncsync.yaml:1:9"
    assert "a character that does not exist" in problem.message


@pytest.mark.parametrize("text", ['folder: "\\0"', 'requests: {file: "a\\x00"}', 'settings: {state: "\\u0000"}'])
def test_zero_byte_is_a_mistake(text: str) -> None:
    with pytest.raises(ProblemsError, match=r"holds a zero byte|lies outside"):
        load_text(text)


def test_zero_byte_in_a_cell_stays() -> None:
    request = (
        '{deviceCode: A, dataProductCode: B, extension: c, begin: 2020-01-01, end: 2020-01-02, columns: {n: "\\0"}}'
    )
    assert load_text(f"requests: [{request}]").requests[0].columns == {"n": "\x00"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "oncsync.yaml"
    path.write_bytes("version: 1\n".encode(encoding))
    with pytest.raises(ProblemsError, match="The file is UTF-16, not UTF-8"):
        load_manifest(path)


def test_bytes_that_are_no_utf_8_have_a_place(tmp_path: Path) -> None:
    path = tmp_path / "oncsync.yaml"
    path.write_bytes("version: 1\nfolder: Grönland\n".encode("latin-1"))
    with pytest.raises(ProblemsError) as caught:
        load_manifest(path)
    assert caught.value.problems[0].where.endswith("oncsync.yaml:2:11")
    assert caught.value.problems[0].hint == "save the file as UTF-8"


class TestUntrusted:
    """A cloned manifest is not trusted: it is cut off before it grows (architecture, rule 7)."""

    def test_aliases_that_multiply_are_refused(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        assert "too large for a manifest" in only_problem("\n".join(lines)).message

    def test_merge_keys_that_multiply_are_refused(self) -> None:
        lines = ["a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8]}"]
        lines += [f"a{n}: &a{n} {{k{n}: [{', '.join([f'*a{n - 1}'] * 9)}], <<: *a{n - 1}}}" for n in range(1, 12)]
        assert "too large for a manifest" in only_problem("\n".join(lines)).message

    @pytest.mark.parametrize(
        "text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "\n".join(" " * n + "a:" for n in range(100))]
    )
    def test_deep_nesting_is_refused(self, text: str) -> None:
        assert "more than 24 levels deep" in only_problem(text).message

    def test_depth_behind_aliases_counts(self) -> None:
        lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40))]
        assert "too large for a manifest" in only_problem("\n".join(lines)).message

    def test_large_file_is_refused_without_reading_it_all(self, tmp_path: Path) -> None:
        path = tmp_path / "oncsync.yaml"
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
        with pytest.raises(ProblemsError, match="larger than 4 MiB"):
            load_manifest(path)


def _load_bytes(content: bytes) -> None:
    """Loads a manifest of any bytes; only the two errors for people may come out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oncsync.yaml"
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            load_manifest(path, environment={})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_manifest_or_an_input_error(content: bytes) -> None:
    _load_bytes(content)


_FRAGMENTS = st.sampled_from(
    [
        *("a", "1", "0x1", "2020-01-01", "-P1D", "now", "", "~", "null", "é", "\U0001f40b", "\u2028", "\x85"),
        *(":", ": ", "- ", "\n", "\n  ", "\n    ", "\t", "#", " #", "&a ", "*a", "<<: ", "!", "!!str ", "!<x> ", "? "),
        *('"', "'", "\\", "\\x", "\\u12", "{", "}", "[", "]", ", ", "|", ">", "|2-\n", "%YAML 1.1\n", "---", "..."),
        *("${a}", "$${", "version: ", "downloads: ", "name: ", "begin: ", "end: ", "settings: ", "options: ", "vars: "),
        *("dpo_x: ", "requests: ", "near: ", "exclude: ", "splitDateRange: ", "path: ", "server: ", "columns: "),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_FRAGMENTS, max_size=25).map("".join))
def test_any_yaml_like_text_gives_a_manifest_or_an_input_error(text: str) -> None:
    _load_bytes(text.encode())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(WHALES)), st.integers(0, 30), st.text(max_size=8))
def test_any_damaged_manifest_gives_a_manifest_or_an_input_error(at: int, cut: int, put: str) -> None:
    _load_bytes((WHALES[:at] + put + WHALES[at + cut :]).encode("utf-8", "replace"))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "begin", "end", "options", "near", "lat", "file", "exclude", "path", "dpo_x", "AD"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["version", "server", "folder", "vars", "settings", "downloads", "requests", "oops"]),
        _VALUES | st.lists(st.fixed_dictionaries({"name": _VALUES, "begin": _VALUES}, optional={"end": _VALUES})),
    )
)
def test_any_shape_gives_a_manifest_or_an_input_error(shape: dict[str, object]) -> None:
    _load_bytes(json.dumps(shape).encode())


def test_all_duplicate_keys_are_told_with_the_first_place() -> None:
    problems = problems_of("folder: a\nfolder: b\nsettings:\n  lateDays: 1\n  lateDays: 2\nfolder: c\n")
    assert [(problem.where, problem.message) for problem in problems] == [
        ("oncsync.yaml:2:1", "`folder` is written twice, first in line 1"),
        ("oncsync.yaml:5:3", "`lateDays` is written twice, first in line 4"),
        ("oncsync.yaml:6:1", "`folder` is written twice, first in line 1"),
    ]


def test_quoted_merge_sign_is_a_key() -> None:
    assert "`<<` is not a key of a manifest" in only_problem('"<<": {folder: x}\n').message


@pytest.mark.parametrize(
    "text", ["folder: |\n  data\n", "folder: >-\n  data\n", "folder: !!str data\n", "{folder: data}"]
)
def test_every_way_to_write_a_text_is_understood(text: str) -> None:
    assert load_text(text).folder.name.strip() == "data"
