"""One record as one line: a JSON flow map that every YAML parser reads to the same value."""

from __future__ import annotations

import json
import re

UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def flow(value: object) -> str:
    """Gives one line; half a surrogate pair, which no UTF-8 file can hold, becomes the replacement character."""
    text = _HALF_CHARACTER.sub("\ufffd", json.dumps(value, ensure_ascii=False, separators=(", ", ": ")))
    return UNSAFE_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
