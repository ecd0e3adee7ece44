import itertools

import pytest

from taskctl import errors
from taskctl.errors import ExitCode, NoAnswer, TaskctlError, Unavailable, worst

ERRORS = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, TaskctlError)]
SEVERITY = [9, 7, 10, 8, 6, 5, 4]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_tree_at_the_top_names_every_error_with_its_exit_code(error: type[TaskctlError]) -> None:
    assert errors.__doc__ is not None
    drawn = {line.strip("│├└─ ").split()[0]: line.split() for line in errors.__doc__.splitlines() if "─" in line}
    if error is TaskctlError:
        assert "TaskctlError" in errors.__doc__
        return
    line = drawn[error.__name__]
    code = line[line.index(error.__name__) + 1].partition("-")[0]
    assert int(code) in (error.exit_code, ExitCode.HANGUP)
    depth = len(error.__mro__) - len(TaskctlError.__mro__)
    assert line[:depth].count("├──") + line[:depth].count("└──") == 1


def test_the_documented_codes_of_errors_are_these() -> None:
    assert {error.__name__: error.code for error in ERRORS} == {
        "TaskctlError": "bug",
        "UsageError": "usage",
        "ConfigurationError": "configuration",
        "DialectError": "dialect",
        "HistoryError": "history",
        "Damaged": "history",
        "CredentialsError": "credentials",
        "ProviderError": "refused",
        "Refused": "refused",
        "PaymentRequired": "payment",
        "KeyConflict": "conflict",
        "Unsupported": "unsupported",
        "TaskNotFound": "not_found",
        "Unreadable": "unreadable",
        "NoAnswer": "no_answer",
        "Unavailable": "no_answer",
        "Busy": "no_answer",
        "TaskFailed": "failed",
        "StillPending": "pending",
        "Unconfirmed": "unconfirmed",
        "FileError": "file",
        "Interrupted": "interrupted",
    }


def test_the_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0, "BUG": 1, "USAGE": 2, "CONFIGURATION": 3, "CREDENTIALS": 4, "REFUSED": 5, "NO_ANSWER": 6,
        "FAILED": 7, "PENDING": 8, "UNCONFIRMED": 9, "FILE": 10, "HANGUP": 129, "INTERRUPTED": 130, "BROKEN_PIPE": 141,
        "TERMINATED": 143,
    }  # fmt: skip


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(SEVERITY, 2)))
def test_the_more_severe_of_two_codes_is_the_exit_code(first: int, second: int) -> None:
    assert worst([ExitCode(second), ExitCode(first)]) == first
    assert worst([ExitCode(first), ExitCode.DONE, ExitCode(second)]) == first


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], 0),
        ([ExitCode.DONE, ExitCode.DONE], 0),
        ([ExitCode.CONFIGURATION], 3),
        ([ExitCode.DONE, ExitCode.CONFIGURATION], 3),
        ([ExitCode.CONFIGURATION, ExitCode.CREDENTIALS], 4),
        ([ExitCode(code) for code in reversed(SEVERITY)], 9),
    ],
)
def test_several_codes_come_to_one(codes: list[ExitCode], code: int) -> None:
    assert worst(codes) == code


def test_an_error_carries_what_a_person_and_a_script_need() -> None:
    error = NoAnswer("the host is silent", hint="try later", task="t1", retry_after=3.0)
    assert (str(error), error.message, error.hint, error.task, error.retry_after) == (
        "the host is silent",
        "the host is silent",
        "try later",
        "t1",
        3.0,
    )
    assert isinstance(Unavailable("busy"), NoAnswer)
