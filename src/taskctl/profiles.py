"""Which provider is meant, where it is, and which key it may have: flags over environment over profile over dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from taskctl import keys
from taskctl.dialects.dialect import Dialect
from taskctl.dialects.door.heading import is_address
from taskctl.dialects.load import Dialects, shipped
from taskctl.dialects.site import origin
from taskctl.durations import seconds
from taskctl.errors import ConfigurationError, CredentialsError, UsageError
from taskctl.model import Task
from taskctl.secret import Secret
from taskctl.store.config import Config, ProfileSettings

SANDBOX = "sandbox"
LOCAL = "sandbox:"
"""Begins the base URL of tasks in the built-in sandbox, whose port changes from run to run."""
_LOCAL_INTERVAL = 0.5
"""Seconds between two looks at the built-in sandbox: nobody is there to be spared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A provider as somebody uses it. The key is fetched only when a request needs it."""

    name: str
    dialect: Dialect
    base_url: str
    settings: ProfileSettings
    environment_key: str | None = field(default=None, repr=False)
    """`TASKCTL_API_KEY`, where this is the profile that it is for."""

    @property
    def own_address(self) -> bool:
        """Whether this is the address that the dialect's own key variable is for."""
        return self.base_url.rstrip("/") == self.dialect.form.base_url.rstrip("/")

    @property
    def in_sandbox(self) -> bool:
        """Whether the built-in sandbox serves this."""
        return self.base_url.startswith(LOCAL)

    @property
    def interval(self) -> float | None:
        """Seconds between two looks, where the profile sets them."""
        if self.in_sandbox:
            return _LOCAL_INTERVAL
        return seconds(self.settings.interval) if self.settings.interval else None

    def key(self, environ: Mapping[str, str]) -> Secret | None:
        """The key for this address, or None where the provider wants none.

        Raises:
            CredentialsError: it needs one and there is none. ConfigurationError: its source is broken.
        """
        if self.in_sandbox:
            return Secret(SANDBOX)
        found = self._source(environ)
        if found is None and self.dialect.form.key == "required":
            raise CredentialsError(
                f"there is no key for {self.name} at {self.base_url}", hint=self._how_to_give(environ)
            )
        return found

    def key_in_environment(self, environ: Mapping[str, str]) -> Secret | None:
        """The key, where looking for it neither runs a command nor opens a keyring."""
        asks = self.settings.api_key_command or self.settings.api_key_keyring
        return None if asks and not self.environment_key else self._source(environ)

    def key_source(self, environ: Mapping[str, str]) -> str | None:
        """Where the key comes from, in words that do not hold it; None where there is none."""
        settings, variable = self.settings, self.dialect.form.key_env
        if self.in_sandbox:
            return "not needed"
        if self.environment_key:
            return "TASKCTL_API_KEY"
        if settings.api_key_env:
            return f"${settings.api_key_env}" + ("" if environ.get(settings.api_key_env) else " (not set)")
        if settings.api_key_command:
            return f"command {settings.api_key_command[0]}"
        if settings.api_key_keyring:
            return "keyring"
        if settings.api_key:
            return "config file"
        if variable and self.own_address and environ.get(variable):
            return f"${variable}"
        return None

    @property
    def key_variable(self) -> str | None:
        """The environment variable that stands for the key where a request is shown; None where there is none."""
        if self.environment_key:
            return "TASKCTL_API_KEY"
        own = self.dialect.form.key_env if self.own_address else "TASKCTL_API_KEY"
        return self.settings.api_key_env or own

    def _source(self, environ: Mapping[str, str]) -> Secret | None:
        settings, variable = self.settings, self.dialect.form.key_env
        if self.environment_key:
            return keys.cleaned(self.environment_key)
        if settings.api_key_env:
            return keys.cleaned(environ.get(settings.api_key_env))
        if settings.api_key_command:
            return keys.from_command(self.name, settings.api_key_command, environ)
        if settings.api_key_keyring:
            return keys.from_keyring(self.name)
        if settings.api_key:
            return settings.api_key
        return keys.cleaned(environ.get(variable)) if variable and self.own_address else None

    def _how_to_give(self, environ: Mapping[str, str]) -> str:
        settings, variable = self.settings, self.dialect.form.key_env
        if environ.get("TASKCTL_API_KEY") and not self.environment_key:
            return f"TASKCTL_API_KEY goes to the selected profile's address alone, and this is about {self.base_url}"
        if settings.api_key_env:
            return f"set ${settings.api_key_env}, which the profile names"
        if variable and self.own_address:
            return f"set {variable}, or run: taskctl profile add NAME --dialect {self.dialect.name}"
        if variable and environ.get(variable):
            return f"{variable} belongs to {self.dialect.form.base_url} alone; set TASKCTL_API_KEY for this address"
        return "set TASKCTL_API_KEY, or give the profile a key of its own"


class Profiles:
    """Every profile there is: configured ones, dialects by their names, and the sandbox."""

    def __init__(self, config: Config, dialects: Dialects, environ: Mapping[str, str], chosen: str | None) -> None:
        self._config = config
        keys.hold_key(settings.api_key_env for settings in config.profiles.values())
        self._dialects = dialects
        self._environ = environ
        self.explicit = chosen
        """What `-P` said."""
        self.selected_name = chosen or environ.get("TASKCTL_PROFILE") or config.default

    def child_environment(self) -> dict[str, str]:
        """The environment for programs we start: without the keys of any profile."""
        return keys.child_environment(self._environ)

    def names(self) -> list[str]:
        """Configured profiles first, then the ones that need no configuration."""
        built_in = [*self._dialects.names(), *(f"{SANDBOX}-{name}" for name in shipped() if name != SANDBOX)]
        return [*self._config.profiles, *(name for name in built_in if name not in self._config.profiles)]

    @property
    def default(self) -> str | None:
        """The profile that the config file makes the default."""
        return self._config.default

    @property
    def configured(self) -> Mapping[str, ProfileSettings]:
        """The profiles of the config file."""
        return self._config.profiles

    def selected(self) -> Profile:
        """The profile that was chosen, with what the environment says of it.

        Raises:
            UsageError: none was chosen. ConfigurationError: there is none of that name.
        """
        if self.selected_name is None:
            raise UsageError(
                "which provider? there is no default profile",
                hint="name one with -P: sandbox (needs no key), " + ", ".join(n for n in shipped() if n != SANDBOX),
            )
        profile = self.named(self.selected_name)
        address = self._environ.get("TASKCTL_BASE_URL")
        if address:
            profile = replace(profile, base_url=_checked_url(address, "TASKCTL_BASE_URL"))
            if origin(profile.base_url) != origin(self._written_address(profile)):
                profile = replace(profile, settings=_without_key(profile.settings))
        return replace(profile, environment_key=self._environ.get("TASKCTL_API_KEY") or None)

    def named(self, name: str) -> Profile:
        """The profile of that name, as the config file or the dialect has it."""
        settings = self._config.profiles.get(name)
        if settings is not None:
            dialect = self._dialects.get(settings.dialect)
            base_url = _checked_url(settings.base_url or dialect.form.base_url, f"profiles.{name}.base_url")
            return Profile(name=name, dialect=dialect, base_url=base_url, settings=settings)
        if name == SANDBOX or name.removeprefix(f"{SANDBOX}-") in shipped():
            spoken = name.removeprefix(f"{SANDBOX}-")
            if name != spoken or name == SANDBOX:
                local = ProfileSettings(dialect=spoken)
                return Profile(
                    name=name, dialect=self._dialects.get(spoken), base_url=f"{LOCAL}/{spoken}", settings=local
                )
        if name not in self._dialects.names():
            close = get_close_matches(name, self.names(), n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(self.names())}"
            raise ConfigurationError(f"there is no profile or dialect {name!r}", hint=hint)
        dialect = self._dialects.get(name)
        return Profile(
            name=name, dialect=dialect, base_url=dialect.form.base_url, settings=ProfileSettings(dialect=name)
        )

    def of(self, task: Task) -> Profile:
        """The profile to reach a known task with: at its recorded address, with a key that belongs there."""
        if self.selected_name is not None:
            selected = self.selected()
            if selected.name == task.profile and selected.base_url == task.base_url:
                return selected
        try:
            profile = self.named(task.profile)
        except ConfigurationError:
            profile = Profile(
                name=task.profile,
                dialect=self._dialects.get(task.dialect),
                base_url=task.base_url,
                settings=ProfileSettings(dialect=task.dialect),
            )
        if origin(profile.base_url) != origin(task.base_url):
            profile = replace(profile, settings=_without_key(profile.settings))
        profile = replace(profile, base_url=task.base_url)
        given = self._environ.get("TASKCTL_BASE_URL")
        nobody_chosen = self.selected_name is None
        if nobody_chosen and given and given.rstrip("/") == task.base_url:
            return replace(profile, environment_key=self._environ.get("TASKCTL_API_KEY") or None)
        return profile

    def _written_address(self, profile: Profile) -> str:
        return profile.settings.base_url or profile.dialect.form.base_url


def _checked_url(url: str, where: str) -> str:
    if not is_address(url, "http", "https"):
        shown = "it" if "@" in url or "?" in url else repr(url)  # what may hold a key is not repeated
        raise ConfigurationError(
            f"{where}: {shown} is no address of a provider", hint="give http(s)://host[:port][/path], without a query"
        )
    return url.rstrip("/")


def _without_key(settings: ProfileSettings) -> ProfileSettings:
    import msgspec

    return msgspec.structs.replace(
        settings, api_key=None, api_key_env=None, api_key_command=None, api_key_keyring=False
    )
