"""The config file: read strictly, written whole."""

import os
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taskctl.errors import ConfigurationError, ExitCode
from taskctl.secret import Secret, redact
from taskctl.store import config
from taskctl.store.config import ALLOWED, Config, ProfileSettings

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")

WHOLE = """\
default = "studio"

[profiles.studio]
dialect = "evolink"
base_url = "https://gateway.example.org/v1"
api_key_env = "STUDIO_KEY"
model = "seedance-2.0"
rate = 5
interval = "5s"
dir = "renders"

[profiles.home]
dialect = "moneyprinterturbo"
base_url = "http://127.0.0.1:8080"
api_key_command = ["pass", "studio"]
api_key_keyring = true
operation = "audio"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taskctl" / "config.toml"


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path) -> str:
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        config.load(path)
    with pytest.raises(ConfigurationError):
        config.save(path, lambda old: msgspec.structs.replace(old, default="x"))
    assert path.read_bytes() == before, "a file that cannot be read is never touched"
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    message = caught.value.message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def add(name: str, **settings: Any) -> Callable[[Config], Config]:
    def change(old: Config) -> Config:
        return msgspec.structs.replace(old, profiles={**old.profiles, name: ProfileSettings(**settings)})

    return change


def test_a_missing_file_sets_nothing(path: Path) -> None:
    assert config.load(path) == Config()
    assert config.load(path / "below" / "a" / "file") == Config()
    assert not path.parent.exists()


def test_every_setting_is_read(path: Path) -> None:
    found = config.load(written(path, WHOLE))
    assert found.default == "studio"
    assert found.profiles["studio"] == ProfileSettings(
        dialect="evolink",
        base_url="https://gateway.example.org/v1",
        api_key_env="STUDIO_KEY",
        model="seedance-2.0",
        rate=5,
        interval="5s",
        dir="renders",
    )
    assert found.profiles["home"].api_key_command == ("pass", "studio")
    assert found.profiles["home"].api_key_keyring


def test_a_byte_order_mark_and_windows_lines_are_no_error(path: Path) -> None:
    text = WHOLE.replace("\n", "\r\n").encode("utf-8-sig")
    assert config.load(written(path, text)).default == "studio"


def test_a_key_in_the_file_does_not_show(path: Path) -> None:
    found = config.load(written(path, '[profiles.x]\ndialect = "d"\napi_key = "canary-of-the-config"\n'))
    assert found.profiles["x"].api_key is not None
    assert found.profiles["x"].api_key.reveal() == "canary-of-the-config"
    assert "canary" not in repr(found)
    assert redact("canary-of-the-config") == "***"


def test_every_setting_says_what_is_allowed() -> None:
    assert set(ALLOWED) == set(ProfileSettings.__struct_fields__)


PROFILE = '[profiles.x]\ndialect = "d"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default = ", "is not TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2\n", "is not TOML: Cannot overwrite a value (at line 2, column 6)"),
        ("x = " + "9" * 5000, "is not TOML: "),
        ("x = " + "[" * 50_000, "is nested too deeply"),
        ("x = " + "{a = " * 50_000, "is nested too deeply"),
        (b"x = '\xff'", "is not UTF-8 at byte 5"),
        ("#" * 300_000, "larger than 256 KiB"),
        ("defualt = 'x'", "defualt: there is no such key; did you mean default?"),
        ("zzz = 1", "zzz: there is no such key; allowed are default, profiles"),
        ("default = 5", "default: wanted is the name of a profile: letters, digits and . _ -, not 5"),
        ("default = 'a b'", "default: wanted is the name of a profile: letters, digits and . _ -, not 'a b'"),
        ("profiles = 5", "profiles: wanted is a table for each profile: [profiles.NAME]"),
        ("[profiles]\nx = 'canary'", "profiles.x: wanted is a table: [profiles.x]"),
        ("[profiles.'a/b']\n", "profiles: wanted is a profile's name: letters, digits and . _ -, not 'a/b'"),
        ("[profiles.x]\n", 'profiles.x: needs a dialect, like dialect = "evolink"'),
        (PROFILE + "modell = 'm'", "profiles.x.modell: there is no such key; did you mean model?"),
        (PROFILE + "rate = 0", f"profiles.x.rate: wanted is {ALLOWED['rate']}, not 0"),
        (PROFILE + "rate = inf", f"profiles.x.rate: wanted is {ALLOWED['rate']}, not inf"),
        (PROFILE + "rate = nan", f"profiles.x.rate: wanted is {ALLOWED['rate']}, not nan"),
        (PROFILE + "rate = true", f"profiles.x.rate: wanted is {ALLOWED['rate']}, not True"),
        (PROFILE + "rate = '5'", f"profiles.x.rate: wanted is {ALLOWED['rate']}, not '5'"),
        (PROFILE + "interval = 5", f"profiles.x.interval: wanted is {ALLOWED['interval']}, not 5"),
        (PROFILE + "interval = '5 s'", f"profiles.x.interval: wanted is {ALLOWED['interval']}, not '5 s'"),
        (PROFILE + "interval = ''", f"profiles.x.interval: wanted is {ALLOWED['interval']}, not ''"),
        (PROFILE + "model = ''", f"profiles.x.model: wanted is {ALLOWED['model']}, not ''"),
        (PROFILE + "api_key = ''", f"profiles.x.api_key: wanted is {ALLOWED['api_key']}"),
        (PROFILE + "api_key = 12345678", f"profiles.x.api_key: wanted is {ALLOWED['api_key']}"),
        (PROFILE + "api_key_env = 'sk-canary'", f"profiles.x.api_key_env: wanted is {ALLOWED['api_key_env']}"),
        (PROFILE + "api_key_command = 'canary'", f"profiles.x.api_key_command: wanted is {ALLOWED['api_key_command']}"),
        (PROFILE + "api_key_command = []", f"profiles.x.api_key_command: wanted is {ALLOWED['api_key_command']}"),
        (PROFILE + "api_key_command = ['a', 1]", f"profiles.x.api_key_command: wanted is {ALLOWED['api_key_command']}"),
        (PROFILE + "api_key_keyring = 1", f"profiles.x.api_key_keyring: wanted is {ALLOWED['api_key_keyring']}, not 1"),
        (PROFILE + "base_url = 'ftp://h'", f"profiles.x.base_url: wanted is {ALLOWED['base_url']}"),
        (PROFILE + "base_url = 'https://u:canary@h'", f"profiles.x.base_url: wanted is {ALLOWED['base_url']}"),
        (PROFILE + "base_url = 'https://h?k=canary'", f"profiles.x.base_url: wanted is {ALLOWED['base_url']}"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_is_allowed(path: Path, text: str | bytes, message: str) -> None:
    said = refused(written(path, text))
    assert said.startswith(message)
    assert "canary" not in said


@pytest.mark.parametrize("interval", ["90", "1.5", "500ms", "30s", "10m", "1h30m", "0.5h"])
def test_durations(path: Path, interval: str) -> None:
    assert config.load(written(path, f'{PROFILE}interval = "{interval}"')).profiles["x"].interval == interval


@pytest.mark.parametrize(
    "key",
    [
        ".".join("a" * 20_000),
        " . ".join("a" * 20_000),
        ".".join(["'a b'", '"c"'] * 10_000),
        f"[{'.'.join('a' * 20_000)}]",
        f"x = {{{'.'.join('a' * 20_000)} = 1}}",
    ],
)
def test_a_key_of_endless_parts_is_refused_at_once(path: Path, key: str) -> None:
    written(path, f"default = 'x'\n{key} = 1")
    before = time.monotonic()
    assert refused(path) == "line 2: a key of more than 20 parts"
    assert time.monotonic() - before < 1


@pytest.mark.parametrize(
    "line", ["a" * 250_000, "a." * 19 + "b" * 250_000, '"' * 250_000, "." * 250_000, " " * 250_000 + "x"]
)
def test_looking_for_endless_keys_is_quick(path: Path, line: str) -> None:
    written(path, line)
    before = time.monotonic()
    refused(path)
    assert time.monotonic() - before < 1


def test_many_dots_in_a_value_are_no_key(path: Path) -> None:
    folder = "../" * 30 + "x"
    assert config.load(written(path, f'{PROFILE}dir = "{folder}"')).profiles["x"].dir == folder


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.load(tmp_path)


@posix
def test_a_key_that_others_can_read_is_warned_about(path: Path) -> None:
    found = config.load(written(path, f"{PROFILE}api_key = 'canary-of-the-config'"))
    path.chmod(0o640)
    [warning] = config.warnings(path, found)
    assert f"chmod 600 {path}" in warning
    assert config.warnings(path, config.load(written(path, PROFILE))) == []
    path.chmod(0o600)
    assert config.warnings(path, found) == []


def test_what_is_saved_is_what_is_loaded(path: Path) -> None:
    written(path, WHOLE)
    result = config.save(path, lambda old: msgspec.structs.replace(old, default="home"))
    assert result.backup is None
    assert config.load(path) == msgspec.structs.replace(config.parse(WHOLE, path), default="home")
    assert tomllib.loads(path.read_text()) == tomllib.loads(WHOLE) | {"default": "home"}, "defaults are left out"


@posix
def test_a_new_file_is_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        config.save(path, add("x", dialect="d", api_key=Secret("canary-of-the-config")))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(place.stat().st_mode) for place in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    key = config.load(path).profiles["x"].api_key
    assert key is not None
    assert key.reveal() == "canary-of-the-config"


@posix
def test_comments_are_kept_in_a_backup(path: Path) -> None:
    commented = f"# mine\n{WHOLE}"
    written(path, commented)
    result = config.save(path, lambda old: msgspec.structs.replace(old, default="home"))
    assert result.backup == path.with_name("config.toml.bak")
    assert result.backup.read_text() == commented
    assert stat.S_IMODE(result.backup.stat().st_mode) == 0o600
    assert config.save(path, lambda old: msgspec.structs.replace(old, default="studio")).backup is None
    assert result.backup.read_text() == commented


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("a = '#'", False),
        ('a = "\\"#"', False),
        ('a = """\n# no\n"""', False),
        ("a = '''\n# no\n'''", False),
        ("a = 1 # yes", True),
        ("a = '#' # don't", True),
        ('# """', True),
    ],
)
def test_what_is_a_comment(text: str, comments: bool) -> None:
    assert config._has_comments(text) is comments


def test_a_change_that_changes_nothing_leaves_the_file(path: Path) -> None:
    written(path, f"# mine\n{PROFILE}api_key = 'canary-of-the-config'")
    before = path.stat()
    assert config.save(path, lambda old: old).backup is None
    assert path.stat() == before


@pytest.mark.parametrize(
    "change",
    [
        add("a/b", dialect="d"),
        add("x", dialect="not a name"),
        add("x", dialect="d", rate=-1),
        add("x", dialect="d", dir="\udcff"),
        lambda old: msgspec.structs.replace(old, default="a b"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(path: Path, change: Callable[[Config], Config]) -> None:
    written(path, PROFILE)
    with pytest.raises(ConfigurationError):
        config.save(path, change)
    assert path.read_text() == PROFILE


@posix
def test_a_linked_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(PROFILE)
    path.parent.mkdir()
    path.symlink_to(real)
    config.save(path, lambda old: msgspec.structs.replace(old, default="x"))
    assert path.is_symlink()
    assert config.load(real).default == "x"


@posix
def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        config.save(tmp_path / "file" / "config.toml", add("x", dialect="d"))


SAVER = """
import sys
from pathlib import Path
import msgspec
from taskctl.store.config import ProfileSettings, save

for turn in range(5):
    name = f"p{sys.argv[2]}-{turn}"
    save(Path(sys.argv[1]), lambda old: msgspec.structs.replace(
        old, profiles={**old.profiles, name: ProfileSettings(dialect="d")}))
"""


def test_changes_of_several_processes_are_all_kept(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    savers = [
        subprocess.Popen([sys.executable, "-c", SAVER, str(path), str(number)], env=environment) for number in range(4)
    ]
    assert [saver.wait(timeout=60) for saver in savers] == [0] * 4
    assert len(config.load(path).profiles) == 20
