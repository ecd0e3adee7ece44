"""What `profile` does: shows, adds, changes and checks named settings."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec  # noqa: TID253  # loaded by `profile` commands alone

from taskctl.cli.shell import Shell
from taskctl.errors import ConfigurationError, CredentialsError, Unsupported, UsageError
from taskctl.profiles import Profile
from taskctl.secret import Secret
from taskctl.store import config, places
from taskctl.store.config import Config, ProfileSettings

SETTINGS = ("model", "operation", "rate", "interval", "dir", "base_url", "api_key_env", "api_key_keyring")
_PER_SECOND = "rate"
_LISTED = "see: taskctl profile list"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the options of `profile add` say."""

    dialect: str | None = None
    base_url: str | None = None
    key_env: str | None = None
    key_command: str | None = None
    keyring: bool = False
    key_stdin: bool = False
    default: bool = False


def overview(shell: Shell) -> None:
    """Every profile and where its key comes from."""
    profiles = shell.profiles()
    found = [
        _described(profiles.named(name), shell, default=name == profiles.selected_name) for name in profiles.names()
    ]
    columns = ("name", "default", "dialect", "base_url", "key")
    rows = [[("*" if row[name] is True else str(row[name] or "-")) for name in columns] for row in found]
    shell.output.values("profiles", found, rows=rows, names=["name", "", "dialect", "address", "key from"])


def show(shell: Shell, name: str) -> None:
    """One profile."""
    profiles = shell.profiles()
    found = _described(profiles.named(name), shell, default=name == profiles.selected_name)
    rows = [[key, "" if value is None else str(value)] for key, value in found.items()]
    shell.output.values("profile", found, rows=rows, names=["", ""])


def add(shell: Shell, name: str, given: Given) -> None:
    """Add a profile, asking for the key where a person is there to give it."""
    if sum(map(bool, (given.key_env, given.key_command, given.keyring or given.key_stdin))) > 1:
        raise UsageError("the key comes from one place", hint="give one of --key-env, --key-command, --key-stdin")
    profiles = shell.profiles()
    if name in profiles.configured:
        raise UsageError(
            f"there is a profile {name} already", hint=f"change it: taskctl profile set {name} …, or remove it first"
        )
    base = profiles.named(given.dialect or name)
    settings = ProfileSettings(
        dialect=base.dialect.name,
        base_url=given.base_url,
        api_key_env=given.key_env,
        api_key_command=_split(given.key_command),
        api_key_keyring=given.keyring,
        api_key=None,
    )
    key = _key(shell, base, given)
    if key is not None and given.keyring:
        _keep_in_keyring(name, key)
    elif key is not None:
        settings = msgspec.structs.replace(settings, api_key=key)

    def change(before: Config) -> Config:
        default = name if given.default or before.default is None else before.default
        return Config(default=default, profiles={**before.profiles, name: settings})

    _save(shell, change)
    shell.output.note(f"added {name}; try it: taskctl profile check {name}")
    if profiles.default is None and not given.default:
        shell.output.note(f"{name} is the default now, being the first; to change that: taskctl profile use NAME")
    show(shell, name)


def set_(shell: Shell, name: str, settings: list[str]) -> None:
    """Change what a profile says."""
    changes: dict[str, object] = {}
    for setting in settings:
        key, mark, value = setting.partition("=")
        if not mark or key not in SETTINGS:
            raise UsageError(
                f"{setting!r} is no setting", hint=f"give NAME=VALUE, NAME being one of {', '.join(SETTINGS)}"
            )
        changes[key] = _converted(key, value)

    def change(before: Config) -> Config:
        if name not in before.profiles:
            raise ConfigurationError(
                f"there is no profile {name!r} in the config file", hint=f"add it: taskctl profile add {name}"
            )
        return Config(
            default=before.default,
            profiles={**before.profiles, name: msgspec.structs.replace(before.profiles[name], **changes)},
        )

    _save(shell, change)
    show(shell, name)


def use(shell: Shell, name: str) -> None:
    """Make a profile the default."""
    shell.profiles().named(name)
    _save(shell, lambda before: Config(default=name, profiles=before.profiles))
    shell.output.note(f"{name} is used where no profile is named")
    if shell.output.structured:
        show(shell, name)


def remove(shell: Shell, name: str) -> None:
    """Remove a profile."""

    def change(before: Config) -> Config:
        if name not in before.profiles:
            raise ConfigurationError(f"there is no profile {name!r} in the config file", hint=_LISTED)
        left = {kept: settings for kept, settings in before.profiles.items() if kept != name}
        return Config(default=None if before.default == name else before.default, profiles=left)

    _save(shell, change)
    shell.output.note(f"removed {name}")
    if shell.output.structured:
        shell.output.values("profile", {"name": name, "removed": True}, rows=[], names=[])


def check(shell: Shell, name: str | None) -> None:
    """Ask the provider whether the key works."""
    with shell.runtime() as runtime:
        profile = (
            runtime.profiles.selected()
            if name in (None, runtime.profiles.selected_name)
            else runtime.profiles.named(name or "")
        )
        if profile.dialect.check is None:
            raise Unsupported(
                f"{profile.dialect.name} has nothing to check a key with", hint="its first submit will tell"
            )
        found = runtime.run(_checked(runtime, profile))
    rows = [[key, str(value)] for key, value in found.items() if value is not None]
    shell.output.values("check", found, rows=rows, names=["", ""])


async def _checked(runtime: object, profile: Profile) -> dict[str, object]:
    from taskctl.dialects.expressions import Expression
    from taskctl.runtime import Runtime

    assert isinstance(runtime, Runtime)  # noqa: S101  # for the type checker
    provider = await runtime.provider(profile)
    answer = await provider.check()
    form = profile.dialect.form.check
    models = provider.read(answer, Expression(form.models)) if form and form.models else None
    balance = provider.read(answer, Expression(form.balance)) if form and form.balance else None
    return {
        "profile": profile.name,
        "base_url": profile.base_url,
        "key": profile.key_source(runtime.environ) or "none",
        "works": True,
        "models": models,
        "balance": balance,
    }


def _described(profile: Profile, shell: Shell, *, default: bool) -> dict[str, object]:
    settings = profile.settings
    return {
        "name": profile.name,
        "default": default,
        "dialect": profile.dialect.name,
        "base_url": profile.base_url,
        "key": profile.key_source(shell.environ),
        "model": settings.model,
        "operation": settings.operation,
        "rate": settings.rate,
        "interval": settings.interval,
        "dir": settings.dir,
    }


def _key(shell: Shell, base: Profile, given: Given) -> Secret | None:
    """The key, where it is to be kept; asked for only where somebody can answer."""
    if given.key_env or given.key_command:
        return None
    if given.key_stdin:
        written = sys.stdin.readline().strip()
    elif sys.stdin.isatty() and shell.output.stderr.isatty():
        import getpass

        written = getpass.getpass(
            f"Key for {base.dialect.form.title} (not shown, Enter for none): ", stream=shell.output.stderr
        ).strip()
    elif given.keyring or (base.dialect.form.key == "required" and given.base_url):
        raise UsageError("where is the key?", hint="give --key-env, --key-command, or --key-stdin")
    else:
        return None
    if given.key_stdin and not written:
        raise CredentialsError("there is no key on stdin", hint="pipe it in: pass studio | taskctl profile add …")
    return Secret(written) if written else None


def _split(command: str | None) -> tuple[str, ...] | None:
    """The words of a command, as a shell would split them."""
    try:
        return tuple(shlex.split(command)) if command else None
    except ValueError as problem:
        raise UsageError(f"--key-command {command!r} is no command: {problem}") from problem


def _keep_in_keyring(name: str, key: Secret) -> None:
    try:
        import keyring
    except ImportError as problem:
        raise ConfigurationError("the keyring needs an extra", hint="pip install 'taskctl[keyring]'") from problem
    try:
        keyring.set_password("taskctl", name, key.reveal())
    except keyring.errors.KeyringError as problem:
        raise ConfigurationError(f"the keyring does not take the key: {problem}") from problem


def _converted(key: str, value: str) -> object:
    if key == "api_key_keyring":
        return value.lower() in ("1", "true", "yes")
    if not value:
        return None
    if key == _PER_SECOND:
        try:
            return float(value)
        except ValueError as problem:
            raise UsageError(f"{key}={value}: is no number") from problem
    return value


def _save(shell: Shell, change: Callable[[Config], Config]) -> None:
    saved = config.save(places.config_path(shell.environ), change)
    if saved.backup is not None:
        shell.output.note(f"comments are not kept; the file as it was is {saved.backup}")
