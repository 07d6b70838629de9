"""Says in plain words what is wrong with a text that is not YAML, and what to do about it."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError

from oncsync.manifest.mistakes import UnreadableError
from oncsync.manifest.model import Place

_INDENT = "keys that belong together begin in the same column, each as `key: value`"
_QUOTE = "put quotes around a text that begins with `{`, `[`, `*`, `&`, `@`, `%` or `!`, or that holds `: `"
_BRACE_VALUE = re.compile(r":\s+\{[^}]*\}\s*[^\s#,}]")
_OPEN_QUOTE_VALUE = re.compile(r""":\s+(["']).*\1\s*[^\s#,}\]]""")


def explain(error: MarkedYAMLError, text: str, file: str) -> UnreadableError:
    """Turns the parser's error into one with a place and a cure; never quotes more than one character of the text."""
    problem, context = str(error.problem or ""), str(error.context or "")
    is_unclosed = "end of stream" in problem or "stream end" in problem
    mark = (is_unclosed and error.context_mark) or error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.split("\n")
    written = lines[line] if line < len(lines) else ""
    message, hint = _words(problem, context, written, column)
    return UnreadableError(Place(file, line + 1, column + 1), message, hint)


def _words(problem: str, context: str, written: str, column: int) -> tuple[str, str]:
    if r"found character '\t'" in problem or _is_tab_indented(written):
        return "A tab stands where YAML wants spaces", "indent with spaces"
    if "double-quoted" in context and "escape" in (problem + context):
        return (
            "A backslash in double quotes begins an escape that does not exist",
            "write the path with forward slashes, or in single quotes",
        )
    if "scanning a quoted scalar" in context:
        return "A quote is opened here and never closed", "close the quote, or double it inside the text"
    if "cannot start any token" in problem:
        character = written[column : column + 1]
        return f"A value cannot begin with {'a backtick' if character == '`' else f'`{character}`'}", _QUOTE
    if "alias" in context or "anchor" in context:
        sign = "*" if "alias" in context else "&"
        return f"A text that begins with `{sign}` needs quotes", 'write for example `match: "*.hdf5"`'
    if any(word in problem + context for word in ("tag", "directive", "incompatible YAML")):
        return "YAML tags and directives have no meaning here", _QUOTE
    return _structure_words(problem, context, written)


def _structure_words(problem: str, context: str, written: str) -> tuple[str, str]:
    if _BRACE_VALUE.search(written):
        return "A text that begins with `{` needs quotes", 'write for example `path: "{locationCode}/{year}"`'
    if _OPEN_QUOTE_VALUE.search(written):
        return "Something follows a closing quote", "double a quote inside the text, or use the other kind of quotes"
    if "flow mapping" in context or "flow sequence" in context:
        closing = "}" if "mapping" in context else "]"
        if "stream end" in problem:
            return f"A bracket is opened here and never closed with `{closing}`", f"close it with `{closing}`"
        in_braces = "inside `{...}` and `[...]` put quotes around `${name}`"
        return f"A comma or `{closing}` is missing before this place", in_braces if "${" in written else _QUOTE
    if "mapping values" in problem:
        if written.count(": ") > 1:
            return "A second `: ` stands in one line", _QUOTE
        return "This line does not fit the line above", _INDENT
    if "expected ':'" in problem:
        return "A key stands here without its `:`", _INDENT
    if "document start" in problem or "block end" in problem:
        return "This line does not fit the indentation of the lines above", _INDENT
    return "This cannot be read as YAML", _QUOTE


def _is_tab_indented(written: str) -> bool:
    return "\t" in written[: len(written) - len(written.lstrip())]
