"""Where keys come from: a variable, a command of the user's, the system's keyring."""

import subprocess
from collections.abc import Iterable, Mapping

from taskctl.errors import ConfigurationError, CredentialsError
from taskctl.secret import Secret

_COMMAND_PATIENCE = 30
"""Seconds that `api_key_command` may take."""


_named: set[str] = set()
"""The variables that profiles take keys from."""


def hold_key(variables: Iterable[str | None]) -> None:
    """These variables hold keys, whatever they are called: no program that we start gets them."""
    _named.update(name for name in variables if name)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs we start: without the keys."""
    return {name: value for name, value in environ.items() if not name.endswith("_API_KEY") and name not in _named}


def cleaned(value: str | None) -> Secret | None:
    """The key in this text; None where there is none.

    Raises:
        CredentialsError: it holds what no key does.
    """
    text = (value or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isprintable():
        raise CredentialsError("the key holds characters that no key has", hint="copy it again, without line breaks")
    return Secret(text)


def from_command(profile: str, command: tuple[str, ...], environ: Mapping[str, str]) -> Secret:
    """What this command prints.

    Raises:
        ConfigurationError: it cannot be run. CredentialsError: it prints no key.
    """
    try:
        done = subprocess.run(  # noqa: S603  # the user's own config names it, as a list, without a shell
            command,
            stdout=subprocess.PIPE,
            timeout=_COMMAND_PATIENCE,
            check=True,
            env=child_environment(environ),
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise ConfigurationError(
            f"profiles.{profile}.api_key_command: {command[0]!r} gave no key: {_why(problem)}",
            hint="run it by hand to see what it says",
        ) from problem
    key = cleaned(done.stdout.decode("utf-8", errors="replace"))
    if key is None:
        raise CredentialsError(
            f"profiles.{profile}.api_key_command: {command[0]!r} printed nothing",
            hint="it has to print the key, and nothing else",
        )
    return key


def _why(problem: OSError | subprocess.SubprocessError) -> str:
    """What was wrong with a command, without its arguments: one of them may be a secret."""
    match problem:
        case subprocess.CalledProcessError():
            return f"it ended with {problem.returncode}"
        case subprocess.TimeoutExpired():
            return f"it took longer than {_COMMAND_PATIENCE} s"
        case OSError():
            return problem.strerror or type(problem).__name__
    return type(problem).__name__


def from_keyring(profile: str) -> Secret:
    """What the system's keyring has for this profile.

    Raises:
        ConfigurationError: there is no keyring. CredentialsError: it has no key.
    """
    try:
        import keyring
    except ImportError as problem:
        raise ConfigurationError(
            f"profile {profile} keeps its key in the keyring, and that extra is not installed",
            hint="pip install 'taskctl[keyring]'",
        ) from problem
    try:
        found = keyring.get_password("taskctl", profile)
    except keyring.errors.KeyringError as problem:
        raise ConfigurationError(f"the keyring gives no key for profile {profile}: {problem}") from problem
    key = cleaned(found)
    if key is None:
        raise CredentialsError(
            f"the keyring holds no key for profile {profile}", hint=f"run: taskctl profile add {profile} --keyring"
        )
    return key
