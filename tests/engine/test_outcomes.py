"""What the service's errors mean for a chunk."""

from __future__ import annotations

from typing import Any

import pytest

from oncsync.engine.outcomes import corrected_options, explain, judge_download, judge_poll, judge_request
from oncsync.errors import (
    FaultError,
    FolderError,
    ForbiddenError,
    NotFoundError,
    OncsyncError,
    RefusedError,
    ServiceError,
    TokenError,
    UnreachableError,
)

NOT_THEN = "A device with category HYDROPHONE was deployed at location FGPD but not during the provided time range"


def refused(code: int | None = None, text: str | None = None, parameter: str | None = None) -> RefusedError:
    return RefusedError("`request` was refused", status=400, code=code, text=text, parameter=parameter)


# What an error means for `request`, for `run` and for `download`.
ERRORS: list[tuple[OncsyncError, str, str, str]] = [
    (UnreachableError("no route"), "retry", "retry", "retry"),
    (FaultError("down", status=503), "retry", "retry", "retry"),
    (FaultError("slow down", status=429, retry_after=5), "retry", "retry", "retry"),
    (FaultError("a page", status=200), "retry", "retry", "retry"),
    (refused(33, "no data"), "empty", "failed-retryable", "failed-retryable"),
    (refused(25, "Start Time is in the future."), "empty", "failed-retryable", "failed-retryable"),
    (refused(127, NOT_THEN), "empty", "forget", "forget"),
    (refused(127, "Invalid parameter value", "locationCode"), "refused", "forget", "forget"),
    (refused(127, None), "refused", "forget", "forget"),
    (refused(128, "Missing parameter", "dpo_a"), "refused", "failed-retryable", "failed-retryable"),
    (refused(129, "Invalid parameter name", "dpo_a"), "refused", "failed-retryable", "failed-retryable"),
    (refused(23, "start after end"), "refused", "failed-retryable", "failed-retryable"),
    (refused(96, "No file could be found."), "failed-retryable", "failed-retryable", "failed-retryable"),
    (refused(130, NOT_THEN), "failed-retryable", "failed-retryable", "failed-retryable"),
    (refused(127, "Invalid parameter value", "token"), "refused", "failed-retryable", "failed-retryable"),
    (refused(None, "several errors"), "failed-retryable", "failed-retryable", "failed-retryable"),
    (RefusedError("gone", status=410), "failed-retryable", "forget", "forget"),
    (ForbiddenError("restricted", status=403), "refused", "failed-retryable", "refused"),
    (NotFoundError("nothing here", status=404), "failed-retryable", "failed-retryable", "failed-retryable"),
    (ServiceError("odd", status=418), "failed-retryable", "failed-retryable", "failed-retryable"),
    (TokenError("refused"), "failed-retryable", "failed-retryable", "failed-retryable"),
    (FolderError("full"), "failed-retryable", "failed-retryable", "failed-retryable"),
    (OncsyncError("a bug"), "failed-retryable", "failed-retryable", "failed-retryable"),
]


@pytest.mark.parametrize(("error", "verdict"), [(row[0], row[1]) for row in ERRORS], ids=str)
def test_an_error_of_a_request_is_judged(error: OncsyncError, verdict: str) -> None:
    """Open questions 9, 10, 45, 46 and 49: only the service's own word is "no data", and an outage never is."""
    assert judge_request(error) == verdict


@pytest.mark.parametrize(("error", "verdict"), [(row[0], row[2]) for row in ERRORS], ids=str)
def test_an_error_of_a_run_is_judged(error: OncsyncError, verdict: str) -> None:
    """Rule 3, open question 21: only an id that the service does not know ends an order."""
    assert judge_poll(error) == verdict


@pytest.mark.parametrize(("error", "verdict"), [(row[0], row[3]) for row in ERRORS], ids=str)
def test_an_error_of_a_download_is_judged(error: OncsyncError, verdict: str) -> None:
    """Open questions 21, 46 and 49: only an unknown id ends an order, 403 is that chunk's own."""
    assert judge_download(error) == verdict


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 200, None])
def test_a_fault_is_never_taken_for_no_data(status: int | None) -> None:
    """Rule 4: whatever its text says."""
    assert judge_request(FaultError("fault", status=status, code=33, text=NOT_THEN)) == "retry"
    assert judge_request(UnreachableError("gone", code=33, text=NOT_THEN)) == "retry"


DEFAULTS = {"dpo_average": "60", "dpo_resample": "none"}


@pytest.mark.parametrize(
    ("options", "error", "corrected"),
    [
        ({}, refused(128, parameter="dpo_resample"), {"dpo_resample": "none"}),
        ({"dpo_x": "1"}, refused(128, parameter="dpo_resample"), {"dpo_x": "1", "dpo_resample": "none"}),
        ({}, refused(128, parameter="dpo_resample/dpo_average"), DEFAULTS),
        ({}, refused(128, parameter="dpo_resample, dpo_other"), {"dpo_resample": "none"}),
        ({}, refused(128, parameter="dpo_other"), None),
        ({}, refused(128, parameter="dataProductCode"), None),
        ({"dpo_resample": "average"}, refused(128, parameter="dpo_resample"), None),
        ({"dpo_x": "1", "dpo_y": "2"}, refused(127, parameter="dpo_x"), {"dpo_y": "2"}),
        ({"dpo_x": "1", "dpo_y": "2"}, refused(129, parameter="dpo_x,dpo_y"), {}),
        ({"dpo_x": "1"}, refused(129, parameter="dpo_other"), None),
        ({"dpo_x": "1"}, refused(127, parameter="locationCode"), None),
        ({"dpo_x": "1"}, refused(127), None),
        ({"dpo_x": "1"}, refused(33, parameter="dpo_x"), None),
        ({"dpo_x": "1"}, FaultError("down", code=128, parameter="dpo_resample"), None),
    ],
)
def test_options_are_corrected_by_what_a_refusal_names(
    options: dict[str, str], error: OncsyncError, corrected: dict[str, str] | None
) -> None:
    """The glossary's safe rule, open question 51: a missing one gets its default, a wrong one goes."""
    before = dict(options)
    assert corrected_options(options, DEFAULTS, error) == corrected
    assert options == before


@pytest.mark.parametrize("code", [127, 128, 129])
def test_a_correction_does_not_go_round_in_circles(code: int) -> None:
    """The same refusal again has nothing left to correct."""
    error = refused(code, parameter="dpo_resample")
    options: dict[str, str] | None = {} if code == 128 else {"dpo_resample": "x"}
    options = corrected_options(options or {}, DEFAULTS, error)
    assert options is not None
    assert corrected_options(options, DEFAULTS, error) is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"text": "Invalid parameter value", "code": 127, "parameter": "token"},
         "Invalid parameter value (code 127), parameter token"),
        ({"text": "No data", "code": 33}, "No data (code 33)"),
        ({"text": "Invalid", "parameter": "a/b"}, "Invalid, parameter a/b"),
        ({"text": "Just this"}, "Just this"),
        ({"code": 33}, "the message"),
    ],
)  # fmt: skip
def test_a_reason_is_in_the_services_own_words(more: dict[str, Any], told: str) -> None:
    """R114, R60: what failed says what the service said."""
    assert explain(ServiceError("the message", **more)) == told


def test_a_reason_without_a_service_is_the_message() -> None:
    assert explain(FolderError("Cannot write `x`")) == "Cannot write `x`"
