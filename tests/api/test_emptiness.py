"""What says that there is nothing, and what does not (onc-api.md 1.3, open questions 10 to 12)."""

from __future__ import annotations

import pytest

from oncsync.api.emptiness import or_nothing
from oncsync.errors import FaultError, NotFoundError, OncsyncError, RefusedError, UnreachableError


def raising(error: OncsyncError) -> list[str]:
    """Answers with an error."""
    raise error


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("no such thing", status=404),
        RefusedError("invalid value", status=400, code=127, parameter="locationCode"),
        RefusedError("invalid value", status=400, code=127),
    ],
)
def test_a_404_and_a_refused_value_mean_nothing(error: OncsyncError) -> None:
    assert or_nothing(lambda: raising(error)) == []
    assert or_nothing(lambda: ["a"]) == ["a"]


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("invalid value", status=400, code=127, parameter="token"),
        RefusedError("no such parameter", status=400, code=129),
        FaultError("at fault", status=500),
        UnreachableError("away"),
    ],
)
def test_an_outage_and_a_wrong_question_never_look_like_nothing(error: OncsyncError) -> None:
    with pytest.raises(type(error)):
        or_nothing(lambda: raising(error))
