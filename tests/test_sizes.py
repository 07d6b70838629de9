"""Sizes as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncsync.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1000),
        ("12 B", 12),
        ("10GB", 10_000_000_000),
        ("1.5 MB", 1_500_000),
        ("500 kB", 500_000),
        ("500 K", 500_000),
        ("2 GiB", 2 * 1024**3),
        ("3Ti", 3 * 1024**4),
        (" 7 T ", 7 * 1000**4),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1.5.2", "1e9", "10 gb", "1 PB", "ten", "1,5 MB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write for example `500 kB`"):
        parse_size(text)


@given(st.integers(0, 10**15))
def test_what_is_shown_is_within_a_part_in_ten_of_what_was_meant(size: int) -> None:
    shown = parse_size(size_text(size))
    assert abs(shown - size) <= max(0.05 * size, 0)
