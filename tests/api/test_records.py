"""What the records of the service say of themselves."""

from __future__ import annotations

import pytest

from oncsync.api import AllowableRange


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (AllowableRange(), "a number"),
        (AllowableRange(lower_bound=1, upper_bound=60, only_integers=True, unit_of_measure="s"),
         "a whole number from 1 to 60 s"),
        (AllowableRange(upper_bound=0.5), "a number to 0.5"),
    ],
)  # fmt: skip
def test_a_range_is_said_as_far_as_it_is_known(bounds: AllowableRange, words: str) -> None:
    assert bounds.words == words
