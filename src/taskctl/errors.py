"""Everything that can go wrong, and the exit code of each.

TaskctlError
├── UsageError              2  the command line does not say what to do
├── ConfigurationError      3  profile or config file
│   ├── DialectError        3  a provider's file
│   └── HistoryError        3  the local history
│       └── Damaged         3    its file is broken
├── CredentialsError        4  no key, or a key that was refused
├── ProviderError           5  the provider said something that ends this
│   ├── Refused             5    no to this request
│   │   └── PaymentRequired 5    no, for want of money
│   ├── KeyConflict         5    this key belongs to another request
│   ├── Unsupported         5    it cannot do this; nothing was sent
│   ├── TaskNotFound        5    it does not know the task
│   └── Unreadable          5    nobody can tell what it said
├── NoAnswer                6  network or TLS, beyond our patience
│   └── Unavailable         6    5xx, beyond our patience
│       └── Busy            6    429, beyond our patience
├── TaskFailed              7  a task failed, was cancelled or expired
├── StillPending            8  our patience ended, the task goes on
├── Unconfirmed             9  a submission's answer was lost
├── FileError              10  a file could not be written or verified
└── Interrupted       129-143  somebody told us to stop
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the program ends with."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CONFIGURATION = 3
    CREDENTIALS = 4
    REFUSED = 5
    NO_ANSWER = 6
    FAILED = 7
    PENDING = 8
    UNCONFIRMED = 9
    FILE = 10
    HANGUP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


PRECEDENCE = (
    ExitCode.UNCONFIRMED,
    ExitCode.FAILED,
    ExitCode.FILE,
    ExitCode.PENDING,
    ExitCode.NO_ANSWER,
    ExitCode.REFUSED,
    ExitCode.CREDENTIALS,
)
"""With several tasks, the first of these that applies is the exit code."""


def worst(codes: "list[ExitCode]") -> ExitCode:
    """The exit code of a command that met all of these."""
    ranked = [code for code in PRECEDENCE if code in codes]
    others = [code for code in codes if code not in PRECEDENCE and code is not ExitCode.DONE]
    return [*ranked, *others, ExitCode.DONE][0]


class TaskctlError(Exception):
    """Something that a person or a script has to know about: what failed, why, and what to do next."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    code: ClassVar[str] = "bug"

    def __init__(self, message: str, *, hint: str | None = None, task: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.task = task


class UsageError(TaskctlError):
    """The command line does not say what to do."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ConfigurationError(TaskctlError):
    """A profile or the config file is wrong."""

    exit_code = ExitCode.CONFIGURATION
    code = "configuration"


class DialectError(ConfigurationError):
    """A provider's file is wrong; the message holds file, key, value and what is allowed."""

    code = "dialect"


class HistoryError(ConfigurationError):
    """The local history cannot be read or written."""

    code = "history"


class Damaged(HistoryError):
    """The history's file cannot be read as a database."""


class CredentialsError(TaskctlError):
    """There is no key, or the provider refused it."""

    exit_code = ExitCode.CREDENTIALS
    code = "credentials"


class ProviderError(TaskctlError):
    """The provider said something that ends this request."""

    exit_code = ExitCode.REFUSED
    code = "refused"


class Refused(ProviderError):
    """The provider says no to this request."""


class PaymentRequired(Refused):
    """The provider wants money first."""

    code = "payment"


class KeyConflict(ProviderError):
    """This idempotency key belongs to another request."""

    code = "conflict"


class Unsupported(ProviderError):
    """The provider cannot do this; nothing was sent."""

    code = "unsupported"


class TaskNotFound(ProviderError):
    """The provider does not know this task."""

    code = "not_found"


class Unreadable(ProviderError):
    """The provider's answer is not one that its dialect can read."""

    code = "unreadable"


class NoAnswer(TaskctlError):
    """Nothing usable came back; asking again may help."""

    exit_code = ExitCode.NO_ANSWER
    code = "no_answer"

    def __init__(
        self, message: str, *, hint: str | None = None, task: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, task=task)
        self.retry_after = retry_after
        """Seconds that the provider asked us to wait, where it did."""


class Unavailable(NoAnswer):
    """The provider is there, and says that it cannot answer now (5xx, 429)."""


class Busy(Unavailable):
    """The provider is asked too much (429)."""


class TaskFailed(TaskctlError):
    """A task failed, was cancelled or expired."""

    exit_code = ExitCode.FAILED
    code = "failed"


class StillPending(TaskctlError):
    """Our patience ran out; the task goes on."""

    exit_code = ExitCode.PENDING
    code = "pending"


class Unconfirmed(TaskctlError):
    """A submission's answer was lost: it may have been accepted and charged."""

    exit_code = ExitCode.UNCONFIRMED
    code = "unconfirmed"


class FileError(TaskctlError):
    """A file could not be written or verified."""

    exit_code = ExitCode.FILE
    code = "file"


class Interrupted(TaskctlError):
    """Somebody told us to stop; tasks go on."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"
