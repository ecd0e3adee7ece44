import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from taskctl.dialects.load import Dialects
from taskctl.errors import ConfigurationError, CredentialsError, DialectError, UsageError
from taskctl.keys import child_environment
from taskctl.model import Task
from taskctl.profiles import Profile, Profiles
from taskctl.secret import Secret
from taskctl.store.config import Config, ProfileSettings

EVOLINK = "https://api.evolink.ai"
GATEWAY = "https://gateway.example.org"
ENVIRONMENT = "canary-of-the-environment"
OWN = "canary-of-the-dialect"
KEPT = "canary-of-the-profile"
OURS = {"TASKCTL_API_KEY": ENVIRONMENT, "EVOLINK_API_KEY": OWN, "EPHONE_API_KEY": "canary-of-ephone"}

SHIPPED = Dialects()
Opening = Callable[..., Profiles]
MINE = """
format = 1
name = "mine"
title = "Mine"
base_url = "https://mine.example.org"
key_env = "{key_env}"
[headers]
Authorization = "Bearer {{api_key}}"
[submit]
request = "POST /tasks"
body = "{{prompt: input.prompt}}"
[query]
request = "GET /tasks/{{id}}"
[task]
id = "id"
state = "state"
[states]
completed = ["done"]
failed = ["failed"]
"""


@pytest.fixture
def opened(tmp_path: Path) -> Opening:
    """Profiles of these settings, in this environment, with this `-P`; the user's dialects are in tmp_path."""

    def open_(
        environ: dict[str, str] | None = None, chosen: str | None = None, default: str | None = None, **named: object
    ) -> Profiles:
        settings = {name: one for name, one in named.items() if isinstance(one, ProfileSettings)}
        dialects = Dialects(tmp_path) if any(tmp_path.iterdir()) else SHIPPED
        return Profiles(Config(default=default, profiles=settings), dialects, environ or {}, chosen)

    return open_


def studio(**more: object) -> ProfileSettings:
    return replace_settings(ProfileSettings(dialect="evolink"), **more)


def replace_settings(settings: ProfileSettings, **more: object) -> ProfileSettings:
    import msgspec

    return msgspec.structs.replace(settings, **more)


def task_of(profile: str, base_url: str, dialect: str = "evolink") -> Task:
    return Task(id="task-1", key=None, profile=profile, dialect=dialect, base_url=base_url)


def key_of(profile: Profile, environ: dict[str, str]) -> str | None:
    """The key that this profile may have, or None where it has none."""
    try:
        key = profile.key(environ)
    except CredentialsError:
        return None
    return key.reveal() if key else None


@pytest.mark.parametrize(
    ("environ", "chosen", "default", "name"),
    [
        ({"TASKCTL_PROFILE": "ephone"}, "evolink", "yescale", "evolink"),
        ({"TASKCTL_PROFILE": "ephone"}, None, "yescale", "ephone"),
        ({}, None, "yescale", "yescale"),
        ({"TASKCTL_PROFILE": ""}, None, "yescale", "yescale"),
    ],
)
def test_the_flag_wins_over_the_environment_and_that_over_the_default(
    opened: Opening, environ: dict[str, str], chosen: str | None, default: str | None, name: str
) -> None:
    profiles = opened(environ, chosen, default)
    assert profiles.selected().name == name
    assert profiles.explicit == chosen


def test_without_any_choice_the_hint_names_what_there_is(opened: Opening) -> None:
    with pytest.raises(UsageError) as caught:
        opened().selected()
    assert caught.value.hint is not None
    assert "-P" in caught.value.hint
    assert "evolink" in caught.value.hint


@pytest.mark.parametrize(("typed", "meant"), [("evolimk", "evolink"), ("sandbx", "sandbox"), ("stduio", "studio")])
def test_a_misspelled_name_is_answered_with_the_one_it_may_have_meant(opened: Opening, typed: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened(studio=studio()).named(typed)
    assert repr(typed) in caught.value.message
    assert f"did you mean {meant}" in (caught.value.hint or "")


def test_a_name_like_no_other_is_answered_with_all(opened: Opening) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened(studio=studio()).named("qqq")
    named = (caught.value.hint or "").removeprefix("there are ").split(", ")
    assert {"studio", "evolink", "sandbox-evolink"} <= set(named)


def test_every_name_on_the_list_is_a_profile(opened: Opening) -> None:
    profiles = opened(studio=studio())
    assert profiles.names()[0] == "studio"
    assert len(profiles.names()) == len(set(profiles.names()))
    for name in profiles.names():
        assert profiles.named(name).name == name


def test_a_profile_may_have_the_name_of_a_dialect(opened: Opening) -> None:
    profiles = opened(evolink=ProfileSettings(dialect="ephone", api_key_env="K"))
    assert profiles.named("evolink").dialect.name == "ephone"


def test_a_profile_of_a_missing_dialect_says_so(opened: Opening) -> None:
    with pytest.raises(DialectError, match="'gone'"):
        opened(studio=ProfileSettings(dialect="gone")).named("studio")


@pytest.mark.parametrize(
    ("environ", "settings", "base_url"),
    [
        ({}, studio(), EVOLINK),
        ({}, studio(base_url=f"{GATEWAY}/v2/"), f"{GATEWAY}/v2"),
        ({"TASKCTL_BASE_URL": "http://127.0.0.1:9/x/"}, studio(base_url=GATEWAY), "http://127.0.0.1:9/x"),
        ({"TASKCTL_BASE_URL": ""}, studio(base_url=GATEWAY), GATEWAY),
    ],
)
def test_the_environments_address_wins_over_the_profiles_and_that_over_the_dialects(
    opened: Opening, environ: dict[str, str], settings: ProfileSettings, base_url: str
) -> None:
    assert opened(environ, "studio", studio=settings).selected().base_url == base_url


def test_the_environments_address_is_for_the_selected_profile_alone(opened: Opening) -> None:
    profiles = opened({"TASKCTL_BASE_URL": GATEWAY}, "evolink")
    assert profiles.selected().base_url == GATEWAY
    assert profiles.named("evolink").base_url == EVOLINK
    assert profiles.named("ephone").base_url == "https://api.ephone.ai"


@pytest.mark.parametrize(
    "address",
    [
        "garbage", "ftp://x", "http://", "http://host:99999", "http://host:x", "http://[::1", "http://a\\b",
        "http://a b", "http://h/\udcff", "http://h/ä", "http://h\n", "sandbox:/evolink", "https://h/#top",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_with_what_one_is(opened: Opening, address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened({"TASKCTL_BASE_URL": address}, "evolink").selected()
    assert caught.value.message.startswith("TASKCTL_BASE_URL: ")
    assert "http(s)://host" in (caught.value.hint or "")


@pytest.mark.parametrize("address", [f"https://user:{KEPT}@host/", f"https://host/?key={KEPT}"])
def test_an_address_that_may_hold_a_key_is_not_repeated(opened: Opening, address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened({"TASKCTL_BASE_URL": address}, "evolink").selected()
    assert KEPT not in f"{caught.value.message} {caught.value.hint}"


def test_the_environments_key_is_for_the_selected_profile_alone(opened: Opening) -> None:
    profiles = opened(OURS, "evolink", studio=studio(api_key=Secret(KEPT)))
    assert key_of(profiles.selected(), OURS) == ENVIRONMENT
    assert key_of(profiles.named("evolink"), OURS) == OWN
    assert key_of(profiles.named("ephone"), OURS) == OURS["EPHONE_API_KEY"]
    assert key_of(profiles.named("studio"), OURS) == KEPT


@pytest.mark.parametrize(
    ("environ", "settings", "key"),
    [
        ({**OURS, "K": "canary-of-K"}, studio(api_key_env="K"), ENVIRONMENT),
        ({"EVOLINK_API_KEY": OWN, "K": "canary-of-K"}, studio(api_key_env="K"), "canary-of-K"),
        ({"EVOLINK_API_KEY": OWN}, studio(api_key=Secret(KEPT)), KEPT),
        ({"EVOLINK_API_KEY": OWN, "TASKCTL_API_KEY": ""}, studio(), OWN),
        ({"EVOLINK_API_KEY": f"  {OWN}\n"}, studio(), OWN),
        ({"EVOLINK_API_KEY": OWN}, studio(api_key_env="K"), None),  # a named variable that is empty is no excuse
        ({"EVOLINK_API_KEY": "  "}, studio(), None),
        ({}, studio(), None),
    ],
)
def test_the_environments_key_wins_over_the_profiles_and_that_over_the_dialects_variable(
    opened: Opening, environ: dict[str, str], settings: ProfileSettings, key: str | None
) -> None:
    assert key_of(opened(environ, "studio", studio=settings).selected(), environ) == key


@pytest.mark.parametrize(
    ("base_url", "key"),
    [(EVOLINK, OWN), (f"{EVOLINK}/", OWN), (GATEWAY, None), ("http://api.evolink.ai", None), (f"{EVOLINK}:8443", None)],
)
def test_the_dialects_variable_goes_to_the_dialects_own_address_alone(
    opened: Opening, base_url: str, key: str | None
) -> None:
    environ = {"EVOLINK_API_KEY": OWN}
    assert key_of(opened(environ, "studio", studio=studio(base_url=base_url)).selected(), environ) == key
    there = environ | {"TASKCTL_BASE_URL": base_url}
    assert key_of(opened(there, "evolink").selected(), there) == key


def test_a_changed_address_wants_a_key_of_its_own_and_says_which(opened: Opening) -> None:
    environ = {"EVOLINK_API_KEY": OWN, "TASKCTL_BASE_URL": GATEWAY}
    with pytest.raises(CredentialsError) as caught:
        opened(environ, "evolink").selected().key(environ)
    assert f"EVOLINK_API_KEY belongs to {EVOLINK} alone" in (caught.value.hint or "")
    assert "TASKCTL_API_KEY" in (caught.value.hint or "")
    environ["TASKCTL_API_KEY"] = ENVIRONMENT
    assert key_of(opened(environ, "evolink").selected(), environ) == ENVIRONMENT


@pytest.mark.parametrize(
    ("written", "address", "key"),
    [
        (GATEWAY, f"{GATEWAY}/other/path", KEPT),  # the same host
        (GATEWAY, "https://elsewhere.example.org", None),
        (GATEWAY, "http://gateway.example.org", None),  # in the clear
        (GATEWAY, f"{GATEWAY}:8443", None),
        (GATEWAY, EVOLINK, None),  # even to the provider itself: it was given for the gateway
        (None, GATEWAY, None),
        (None, f"{EVOLINK}/v2", KEPT),
    ],
)
@pytest.mark.parametrize("source", ["api_key", "api_key_env", "api_key_command"])
def test_the_environments_address_does_not_get_the_key_of_another_host(
    opened: Opening, written: str | None, address: str, key: str | None, source: str
) -> None:
    value = {
        "api_key": Secret(KEPT),
        "api_key_env": "K",
        "api_key_command": (sys.executable, "-c", f"print({KEPT!r})"),
    }[source]
    environ = {"TASKCTL_BASE_URL": address, "K": KEPT}
    profiles = opened(environ, "studio", studio=studio(base_url=written, **{source: value}))
    assert key_of(profiles.selected(), environ) == key


@pytest.mark.parametrize(
    ("chosen", "task", "key"),
    [
        ("evolink", task_of("evolink", EVOLINK), ENVIRONMENT),
        ("ephone", task_of("evolink", EVOLINK), OWN),  # another profile is selected: its key is not for this task
        ("studio", task_of("evolink", EVOLINK), OWN),  # at the same address, and yet another profile
        (None, task_of("evolink", EVOLINK), OWN),
        ("evolink", task_of("evolink", GATEWAY), None),  # not where the selected profile is
        ("evolink", task_of("studio", EVOLINK), KEPT),
        ("evolink", task_of("studio", f"{EVOLINK}/old"), KEPT),  # the profile's address has changed, the host has not
        ("evolink", task_of("studio", GATEWAY), None),  # the profile has moved away from there
        ("evolink", task_of("removed", EVOLINK), OWN),
        ("evolink", task_of("removed", GATEWAY), None),
    ],
)
def test_a_known_task_gets_a_key_that_belongs_to_its_own_profile_and_address(
    opened: Opening, chosen: str | None, task: Task, key: str | None
) -> None:
    profile = opened(OURS, chosen, studio=studio(api_key=Secret(KEPT))).of(task)
    assert (profile.name, profile.base_url) == (task.profile, task.base_url)
    assert key_of(profile, OURS) == key


def test_the_environments_address_and_key_together_reach_the_tasks_that_are_there(opened: Opening) -> None:
    there = {**OURS, "TASKCTL_BASE_URL": f"{GATEWAY}/"}
    for chosen in ("evolink", None):
        profiles = opened(there, chosen)
        assert key_of(profiles.of(task_of("evolink", GATEWAY)), there) == ENVIRONMENT
        assert key_of(profiles.of(task_of("evolink", EVOLINK)), there) == OWN
        assert key_of(profiles.of(task_of("evolink", "https://elsewhere.example.org")), there) is None
    assert key_of(opened(there, "ephone").of(task_of("evolink", GATEWAY)), there) is None


def test_a_task_whose_dialect_is_gone_says_so(opened: Opening) -> None:
    with pytest.raises(DialectError, match="'gone'"):
        opened().of(task_of("studio", GATEWAY, dialect="gone"))


def test_a_users_dialect_may_not_claim_the_variable_of_a_shipped_one(opened: Opening, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE.format(key_env="EVOLINK_API_KEY"))
    with pytest.raises(DialectError, match=r"EVOLINK_API_KEY.*shipped dialect 'evolink'"):
        opened(OURS, "mine").selected()
    (tmp_path / "mine.toml").write_text(MINE.format(key_env="MINE_API_KEY"))
    environ = {**OURS, "MINE_API_KEY": "canary-of-mine"}
    profiles = opened(environ, "evolink")
    assert key_of(profiles.named("mine"), environ) == "canary-of-mine"
    assert "mine" in profiles.names()


def test_the_sandbox_needs_no_key_and_gets_none_of_ours(opened: Opening) -> None:
    for name in ("sandbox", "sandbox-evolink"):
        profile = opened(OURS, name).selected()
        assert profile.in_sandbox
        assert profile.interval == 0.5
        assert key_of(profile, OURS) == "sandbox"


def test_a_key_with_characters_that_no_key_has_is_refused_unseen(opened: Opening) -> None:
    environ = {"EVOLINK_API_KEY": "sk-canary\x1b[31m"}
    with pytest.raises(CredentialsError) as caught:
        opened(environ, "evolink").selected().key(environ)
    assert "canary" not in caught.value.message


def test_a_command_prints_the_key_and_sees_none_itself(opened: Opening) -> None:
    program = "import json, os; print(json.dumps(sorted(n for n in os.environ if 'KEY' in n)).replace(' ', ''))"
    environ = {**OURS, "STUDIO_API_KEY": "x", "GPG_KEY_ID": "kept"}
    del environ["TASKCTL_API_KEY"]
    profile = opened(environ, "studio", studio=studio(api_key_command=(sys.executable, "-c", program))).selected()
    assert json.loads(key_of(profile, environ) or "") == ["GPG_KEY_ID"]


def test_a_programs_environment_is_ours_without_the_keys() -> None:
    assert child_environment({**OURS, "PATH": "/bin", "API_KEYS": "x"}) == {"PATH": "/bin", "API_KEYS": "x"}


@pytest.mark.parametrize(
    ("command", "error", "why"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)", KEPT), ConfigurationError, "it ended with 3"),
        (("/no/such/program", KEPT), ConfigurationError, "No such file"),
        ((sys.executable, "-c", "print()", KEPT), CredentialsError, "printed nothing"),
    ],
)
def test_a_command_without_a_key_says_why_and_keeps_its_arguments_to_itself(
    opened: Opening, command: tuple[str, ...], error: type[ConfigurationError], why: str
) -> None:
    profile = opened(chosen="studio", studio=studio(api_key_command=command)).selected()
    with pytest.raises(error) as caught:
        profile.key({})
    assert why in caught.value.message
    assert "profiles.studio.api_key_command" in caught.value.message
    assert KEPT not in caught.value.message


@pytest.mark.parametrize(
    ("environ", "settings", "source", "variable"),
    [
        (OURS, studio(api_key=Secret(KEPT)), "TASKCTL_API_KEY", "TASKCTL_API_KEY"),
        ({"K": KEPT}, studio(api_key_env="K"), "$K", "K"),
        ({}, studio(api_key_env="K"), "$K (not set)", "K"),
        ({}, studio(api_key_env="K", base_url=GATEWAY), "$K (not set)", "K"),
        ({}, studio(api_key_command=("pass", "studio")), "command pass", "EVOLINK_API_KEY"),
        ({}, studio(api_key_keyring=True), "keyring", "EVOLINK_API_KEY"),
        ({}, studio(api_key=Secret(KEPT)), "config file", "EVOLINK_API_KEY"),
        ({"EVOLINK_API_KEY": KEPT}, studio(), "$EVOLINK_API_KEY", "EVOLINK_API_KEY"),
        ({"EVOLINK_API_KEY": KEPT}, studio(base_url=GATEWAY), None, "TASKCTL_API_KEY"),
        ({}, studio(), None, "EVOLINK_API_KEY"),
    ],
)
def test_where_a_key_comes_from_is_said_without_the_key(
    opened: Opening, environ: dict[str, str], settings: ProfileSettings, source: str | None, variable: str
) -> None:
    profile = opened(environ, "studio", studio=settings).selected()
    assert profile.key_source(environ) == source
    assert profile.key_variable == variable
    assert KEPT not in repr(profile)
    assert ENVIRONMENT not in repr(profile)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        (studio(), "set EVOLINK_API_KEY, or run: taskctl profile add"),
        (studio(api_key_env="STUDIO_KEY"), "set $STUDIO_KEY"),
        (studio(base_url=GATEWAY), "set TASKCTL_API_KEY"),
    ],
)
def test_a_missing_key_is_missed_with_how_to_give_it(opened: Opening, settings: ProfileSettings, hint: str) -> None:
    profile = opened(chosen="studio", studio=settings).selected()
    with pytest.raises(CredentialsError) as caught:
        profile.key({})
    assert hint in (caught.value.hint or "")
    assert f"studio at {profile.base_url}" in caught.value.message


def test_an_optional_key_may_be_missing(opened: Opening) -> None:
    assert opened(chosen="moneyprinterturbo").selected().key({}) is None


def test_the_profiles_own_interval_is_read_as_a_duration(opened: Opening) -> None:
    assert opened(chosen="studio", studio=studio(interval="1m30s")).selected().interval == 90.0
    assert opened(chosen="studio", studio=studio()).selected().interval is None


def test_a_profile_is_replaced_whole(opened: Opening) -> None:
    profile = opened(chosen="studio", studio=studio()).selected()
    assert replace(profile, base_url=GATEWAY).own_address is False
