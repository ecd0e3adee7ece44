"""S1 to S9: the key stays where it belongs, and a result lands in its folder and nowhere else."""

# ruff: noqa: N802  # the ids of the faults keep their capitals

import hashlib
import signal
import ssl
import unicodedata
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.faults.conftest import Play, Serve
from tests.faults.console import CANARY, Console, unhurried, until
from tests.faults.server import Asked, Ephone, File, Secure, Server, Step, answer, cut, in_turn, redirect

BODY = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00" + bytes(range(256)) * 40
FILE = File(BODY)
HARMLESS = {"host", "accept", "accept-encoding", "user-agent", "range", "if-range", "connection"}
"""The headers that a host of results may see."""
Context = Callable[..., ssl.SSLContext]


def linking(play: Play, *links: str) -> None:
    play.ephone.links = lambda _: links


def errors(taskctl: Console, **more: str) -> list[str]:
    """The messages of a download that brings no file."""
    done = taskctl("download", "task-1", "--jobs", "64", "-o", "json", stdin=b"", cwd=None, **more)
    told = done.json()
    assert done.code == 10, done.err
    assert all(output["file"] is None for task in told["tasks"] for output in task["outputs"])
    return [error["message"] for error in told["errors"]]


def elsewhere(server: Server, place: str, serve: Serve, trusting: Context) -> Server:
    """A server at another host, port or scheme, and its address."""
    if place == "scheme":
        return serve(FILE, tls=trusting("127.0.0.1"))
    other = serve(FILE)
    if place == "host":
        other.url = f"http://localhost:{other.port}"
    assert other.url != server.url
    return other


@pytest.mark.parametrize(
    ("place", "status", "command"),
    [
        ("host", 307, "submit -m m prompt=x"),
        ("port", 308, "submit -m m prompt=x"),
        ("scheme", 307, "submit -m m prompt=x"),
        ("port", 302, "download task-1"),
    ],
)
def test_S1_a_redirect_of_an_api_call_is_not_followed(
    taskctl: Console, serve: Serve, trusting: Context, place: str, status: int, command: str
) -> None:
    target = elsewhere(server := serve(lambda _: b"", trusted=True), place, serve, trusting)
    server.script = lambda asked: redirect(target.url + asked.path, status)
    taskctl.environ["TASKCTL_BASE_URL"] = server.url
    done = taskctl(*command.split())
    assert (done.code, len(server.asked)) == (5, 1), done
    assert target.connections == 0


@pytest.mark.parametrize("place", ["host", "port", "scheme"])
def test_S1_a_redirect_of_a_download_takes_no_key_along(
    taskctl: Console, play: Play, serve: Serve, trusting: Context, place: str
) -> None:
    target = elsewhere(play.server, place, serve, trusting)
    play.ephone.files = lambda _: redirect(f"{target.url}/there.mp4", Set_Cookie="session=abc")
    done = taskctl("download", "task-1")
    assert (done.code, done.lines) == (0, ["task-1-0.mp4"]), done.err
    assert (taskctl.cwd / "task-1-0.mp4").read_bytes() == BODY
    (asked,) = target.asked
    assert asked.names <= HARMLESS


KEYED = """
format = 1
name = "keyed"
title = "Keyed"
base_url = "https://keyed.example"
key_env = "KEYED_API_KEY"

[headers]
Authorization = "Bearer {api_key}"
X-API-Key = "{api_key}"

[submit]
request = "POST /v1/task/submit"

[query]
request = "GET /v1/task/{id}"

[task]
id = "id"
state = "status"
outputs = "outputs"

[states]
completed = ["completed"]
failed = ["failed"]

[download]
auth = true
"""


def test_S1_a_key_that_files_want_stays_behind_at_a_redirect(taskctl: Console, play: Play, serve: Serve) -> None:
    folder = taskctl.home / ".config/taskctl/dialects"
    folder.mkdir(parents=True)
    (folder / "keyed.toml").write_text(KEYED)
    target = serve(FILE)
    play.ephone.files = lambda _: redirect(f"{target.url}/there.mp4", Set_Cookie="session=abc")
    done = taskctl("download", "-P", "keyed", "task-1")
    assert done.code == 0, done.err
    first = play.server.asked[-1]
    assert (first.header("Authorization"), first.header("X-API-Key")) == (f"Bearer {CANARY}", CANARY)
    assert [asked.names <= HARMLESS for asked in target.asked] == [True]


def test_S2_results_on_another_host_are_asked_for_without_key_and_cookie(
    taskctl: Console, play: Play, serve: Serve
) -> None:
    play.ephone.headers = {"Set-Cookie": "session=abc; Path=/"}
    cut_once = [cut(FILE.whole(Set_Cookie="cdn=1"), 5000)]
    cdn = serve(lambda asked: cut_once.pop() if cut_once else FILE(asked))
    linking(play, f"{cdn.url}/a.mp4")
    done = taskctl("download", "task-1")
    assert done.code == 0, done.err
    assert play.server.asked[0].header("Authorization") == f"Bearer {CANARY}"
    assert [asked.start for asked in cdn.asked] == [None, 5000]
    assert [asked.names - HARMLESS for asked in cdn.asked] == [set(), set()]


def test_S3_from_https_nothing_leads_to_http(taskctl: Console, serve: Serve, trusting: Context) -> None:
    plain = serve(FILE)
    ephone = Ephone(links=lambda _: [f"{plain.url}/direct.mp4", "/redirected.mp4", "/twice.mp4"])
    server = serve(ephone, tls=trusting("127.0.0.1"), trusted=True)
    taskctl.environ["TASKCTL_BASE_URL"] = server.url

    def files(asked: Asked) -> bytes:
        return redirect(f"{server.url}/redirected.mp4" if asked.path == "/twice.mp4" else f"{plain.url}/x.mp4")

    ephone.files = files
    told = errors(taskctl)
    assert len(told) == 3
    assert all("not encrypted" in message for message in told)
    assert plain.connections == 0
    ephone.links, ephone.files = (lambda _: ["/redirected.mp4"]), FILE
    assert taskctl("download", "task-1").code == 0  # without the downgrade it works


SCHEMES = (
    "file://{path}",
    "file:{path}",
    "FILE://localhost{path}",
    "ftp://127.0.0.1:{port}/a.mp4",
    "ftps://127.0.0.1:{port}/a.mp4",
    "sftp://127.0.0.1:{port}/a.mp4",
    "scp://127.0.0.1:{port}/a.mp4",
    "gopher://127.0.0.1:{port}/_GET%20/a.mp4",
    "dict://127.0.0.1:{port}/a.mp4",
    "ldap://127.0.0.1:{port}/a.mp4",
    "smb://127.0.0.1:{port}/a.mp4",
    "ws://127.0.0.1:{port}/a.mp4",
    "rtsp://127.0.0.1:{port}/a.mp4",
    "jar:http://127.0.0.1:{port}/a.zip!/a.mp4",
    "view-source:http://127.0.0.1:{port}/a.mp4",
    "data:video/mp4;base64,AAAAIGZ0eXBpc29tAAACAA==",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("via", ["link", "redirect"])
def test_S4_only_web_addresses_are_fetched(
    taskctl: Console, play: Play, serve: Serve, tmp_path: Path, via: str
) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(BODY)
    bystander = serve(FILE)
    urls = [scheme.format(path=secret, port=bystander.port) for scheme in SCHEMES]
    assert len(set(urls)) >= 15
    linking(play, *(urls if via == "link" else [f"/{number}.mp4" for number in range(len(urls))]))
    play.ephone.files = lambda asked: redirect(urls[int(asked.path[1:-4])])
    told = errors(taskctl)
    assert len(told) == len(urls)
    assert all("no web address" in message for message in told), told
    assert list(taskctl.cwd.iterdir()) == []
    assert bystander.connections == 0


HERE = (
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "017700000001",
    "0.0.0.0",  # noqa: S104  # to be connected to, not bound
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)
"""Spellings of this machine: something answers there, so only the policy can refuse it."""
INSIDE = (
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "192.0.0.192",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
)
"""Addresses of metadata services and private networks, some of them wrapped."""


def test_S5_private_addresses_are_refused_for_a_public_provider(
    taskctl: Console, serve: Serve, trusting: Context
) -> None:
    """A made-up public provider: its host exists behind a proxy alone, and TLS ends there."""
    public = trusting("provider.example")
    inside = serve(FILE, tls=trusting("127.0.0.1", "localhost", "::1"))
    links = [f"https://{host}:{inside.port}/a.mp4" for host in HERE] + [f"https://{host}/a.mp4" for host in INSIDE]
    ephone = Ephone(links=lambda _: links)

    def script(asked: Asked) -> bytes | Iterable[Step]:
        if asked.method == "CONNECT":
            return [answer(200, headers={"Content-Length": None, "Connection": None}), Secure(public)]
        return ephone(asked)

    proxy = serve(script, trusted=True)
    taskctl.environ |= {"TASKCTL_BASE_URL": "https://provider.example", "RES_OPTIONS": "attempts:1 timeout:1"}
    told = errors(taskctl, HTTPS_PROXY=proxy.url)
    assert len(told) == len(links)
    assert all("private address" in message for message in told), told
    assert inside.connections == 0
    assert {asked.path for asked in proxy.asked if asked.method == "CONNECT"} == {"provider.example:443"}
    assert proxy.asked[0].header("Authorization") is None  # the proxy itself is not to see the key


def test_S6_a_hostile_project_does_not_get_the_key(taskctl: Console, play: Play, serve: Serve) -> None:
    attacker = serve(Ephone(files=FILE))
    settings = f'dialect = "ephone"\nbase_url = "{attacker.url}"\napi_key_env = "TASKCTL_API_KEY"\n'
    config = f'default = "ephone"\n[profiles.ephone]\n{settings}'
    tooled = f'[tool.taskctl]\ndefault = "ephone"\n[tool.taskctl.profiles.ephone]\n{settings}'
    variables = f"TASKCTL_BASE_URL={attacker.url}\nHTTP_PROXY={attacker.url}\nhttp_proxy={attacker.url}\n"
    planted = {
        **dict.fromkeys(
            (
                "config.toml",
                "taskctl.toml",
                ".taskctl.toml",
                ".taskctl",
                ".taskctlrc",
                "taskctl/config.toml",
                ".config/taskctl/config.toml",
            ),
            config,
        ),
        "pyproject.toml": tooled,
        ".env": variables,
        "dialects/ephone.toml": KEYED.replace("keyed", "ephone").replace("https://ephone.example", attacker.url),
        "taskctl.py": f"raise SystemExit('{attacker.url}')",
        "sitecustomize.py": "raise SystemExit(99)",
    }
    for name, content in planted.items():
        path = taskctl.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    netrc = taskctl.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password planted-password\ndefault login m password planted\n")
    netrc.chmod(0o600)
    cdn = serve(FILE)
    linking(play, f"{cdn.url}/a.mp4")
    for arguments in (("submit", "-m", "m", "prompt=a dog"), ("download", "task-1")):
        done = taskctl(*arguments)
        assert done.code == 0, done.err
    assert attacker.connections == 0
    assert {asked.header("Authorization") for asked in play.server.asked} == {f"Bearer {CANARY}"}
    assert [asked.names - HARMLESS for asked in cdn.asked] == [set()]


def hostile(outside: Path) -> list[str]:
    """Sixty names that try to leave their folder; `outside` is where some of them point."""
    up = (
        "../",
        "..\\",
        "..%2f",
        "..%5c",
        "%2e%2e/",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..%252f",
        "....//",
        "..;/",
        "..%c0%af",
        "..%ef%bc%8f",
        ".%00./",
        "..\u2215",
        "\uff0e\uff0e/",
        "..%01/",
        "./../",
        "x/../../",
        "%5c..%5c",
    )
    climbs = [step * depth + "evil" for step in up for depth in (1, 4)]
    absolute = str(outside / "evil")
    others = [
        absolute,
        absolute.replace("/", "%2f"),
        absolute.replace("/", "\\"),
        f"//{absolute}",
        f"file://{absolute}",
        f"x\x00{absolute}",
        f"{absolute}\n",
        "~/evil",
        "~root/evil",
        "$HOME/evil",
        "${HOME}/evil",
        "$(touch evil)",
        "`touch evil`",
        "; touch evil",
        "| touch evil",
        "C:\\evil",
        "C:evil",
        "\\\\host\\share\\evil",
        "\\\\?\\C:\\evil",
        "evil:stream",
        "..",
        "../../.ssh/authorized_keys",
    ]
    return climbs + others


def snapshot(root: Path, but: Path) -> dict[str, object]:
    """Everything below `root` outside of a folder, but for the history in `.local`, which is there to be written."""
    seen: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        if path.is_relative_to(but) or ".local" in path.parts or path.name.startswith(("stdout-", "stderr-")):
            continue
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        seen[str(path)] = (status.st_mode, content, status.st_mtime_ns if content else None)
    return seen


class Fenced:
    """A folder for results, deep enough to be climbed out of, and a look at whether that happened."""

    def __init__(self, taskctl: Console, root: Path) -> None:
        self.folder = taskctl.cwd / "a/b/results"
        self.folder.mkdir(parents=True)
        self._root = root
        for place in (root, taskctl.cwd, taskctl.cwd / "a", taskctl.cwd / "a/b", taskctl.home):
            (place / "evil").write_bytes(b"precious")
            (place / "evil.mp4").write_bytes(b"precious")
        self._before = snapshot(root, self.folder)

    def names(self) -> list[str]:
        """The files in the folder, once it is sure that nothing else changed."""
        assert snapshot(self._root, self.folder) == self._before
        found = list(self.folder.rglob("*"))
        assert all(path.is_file() and path.parent == self.folder for path in found)
        return sorted(path.name for path in found)


@pytest.fixture
def fenced(taskctl: Console, tmp_path: Path) -> Fenced:
    unhurried(taskctl.home)
    return Fenced(taskctl, tmp_path)


INTO = ("--dir", "a/b/results", "--jobs", "64", "--if-exists", "rename")


def test_S7_names_in_links_and_headers_stay_in_the_folder(
    taskctl: Console, play: Play, fenced: Fenced, tmp_path: Path
) -> None:
    names = hostile(tmp_path)
    assert len(set(names)) >= 60
    links = [f"/{number}/{name}.mp4" for number, name in enumerate(names)]
    linking(play, *(link.replace("\n", "%0a").replace("\x00", "%00") for link in links))
    turns = cycle(names)

    def files(_: Asked) -> bytes:
        name = next(turns).encode("ascii", "replace").decode().replace("\n", "").replace("\x00", "")
        return FILE.whole(Content_Disposition=f'attachment; filename="{name}.mp4"')

    play.ephone.files = files
    done = taskctl("download", "task-1", *INTO, "--name", "{name}{ext}")
    assert done.code == 0, done.err
    assert len(fenced.names()) == len(names) == len(done.lines)
    done = taskctl("download", "task-1", *INTO)
    assert done.code == 0, done.err
    assert len([name for name in fenced.names() if name.startswith("task-1-")]) == len(names)


def test_S7_ids_stay_in_the_folder(taskctl: Console, play: Play, fenced: Fenced, tmp_path: Path) -> None:
    ids = [name for name in hostile(tmp_path) if name.isascii() and name.isprintable() and " " not in name]
    ids = [name for name in dict.fromkeys(ids) if name != ".."]
    assert len(ids) >= 45
    play.ephone.links = lambda _: ["/a.mp4"]
    play.ephone.files = FILE
    done = taskctl("download", "-", *INTO, stdin="\n".join(ids))
    assert done.code == 0, done.err
    assert len(fenced.names()) == len(ids)


def test_S7_an_id_that_the_provider_made_up_stays_in_the_folder(taskctl: Console, play: Play, fenced: Fenced) -> None:
    id_ = "../..\\..%2fevil"
    play.ephone.id, play.ephone.files = id_, FILE
    play.ephone.links = lambda _: ["/a.mp4"]
    done = taskctl("submit", "-m", "m", "prompt=../../evil", "--download", *INTO[:2], "--name", "{id}{prompt}{ext}")
    assert done.code == 0, done.err
    assert len(fenced.names()) == 1


ODD = {
    "dot": ".bashrc",
    "dots": "...",
    "dash": "-rf",
    "dashes": "--help",
    "device": "CON",
    "device-with-extension": "nul.txt",
    "device-with-digit": "COM1",
    "device-with-superscript": "com¹",
    "bidi": "photo\u202egpj.exe",
    "zero-width": "a\u200bb\u2066c",
    "escape": "a\x1b]0;title\x07b",
    "newline": "a\nb",
    "c1": "a\x9b31mb",
    "trailing-dot": "evil.",
    "trailing-space": "evil ",
    "reserved": '<>:"|?*',
    "program": "a.exe",
    "script": "a.mp4.sh",
    "tilde": "~root",
    "long": "x" * 300,
    "long-wide": "漢" * 120,
    "long-extension": "a." + "y" * 300,
    "surrogate": "%ed%a0%80",
    "empty": "",
}
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in "0123456789¹²³")}


def is_safe(name: str) -> bool:
    """Whether a name surprises nobody, on any system."""
    visible = all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for letter in name)
    plain = not set(name) & set('<>:"|?*/\\') and name[0] not in ".-~ " and name[-1] not in ". "
    return visible and plain and name.partition(".")[0].rstrip().upper() not in DEVICES and len(name.encode()) <= 205


def test_S8_odd_names_become_safe_ones_with_the_right_extension(taskctl: Console, play: Play, fenced: Fenced) -> None:
    linking(play, *(f"/{number}/{quote(name, safe='%')}" for number, name in enumerate(ODD.values())))
    play.ephone.files = FILE
    done = taskctl("download", "task-1", *INTO, "--name", "{name}{ext}")
    assert done.code == 0, done.err
    names = fenced.names()
    assert len(names) == len(ODD)
    assert [name for name in names if not (is_safe(name) and name.endswith(".mp4"))] == []


def test_S8_odd_ids_become_safe_names_with_the_right_extension(taskctl: Console, play: Play, fenced: Fenced) -> None:
    ids = ["-rf", "--help", "CON", "nul.txt", ".bashrc", "x" * 500, "a.", '<>:"|?*']
    play.ephone.links, play.ephone.files = (lambda _: ["/a.mp4"]), FILE
    done = taskctl("download", *INTO, "--name", "{id}{ext}", "--", *ids)
    assert done.code == 0, done.err
    names = fenced.names()
    assert len(names) == len(ids)
    assert [name for name in names if not (is_safe(name) and name.endswith(".mp4"))] == []


def planted(link: Path, victim: Path) -> Path:
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    return victim


@pytest.mark.parametrize("if_exists", ["skip", "rename", "overwrite"])
def test_S9_a_link_planted_at_the_final_name_is_not_written_through(
    taskctl: Console, play: Play, tmp_path: Path, if_exists: str
) -> None:
    play.ephone.files = FILE
    final = taskctl.cwd / "task-1-0.mp4"
    victim = planted(final, tmp_path / "victim")
    done = taskctl("download", "task-1", "--if-exists", if_exists)
    assert done.code == (0 if if_exists in ("rename", "overwrite") else 10), done.err
    assert victim.read_bytes() == b"precious"
    if if_exists == "overwrite":
        assert not final.is_symlink()
    else:
        assert final.readlink() == victim
    files = [path for path in taskctl.cwd.iterdir() if path.suffix == ".mp4" and not path.is_symlink()]
    assert [path.read_bytes() for path in files] == [BODY] * (done.code == 0)


def test_S9_a_link_to_nowhere_at_the_final_name_makes_nothing_there(
    taskctl: Console, play: Play, tmp_path: Path
) -> None:
    play.ephone.files = FILE
    (taskctl.cwd / "task-1-0.mp4").symlink_to(tmp_path / "nowhere")
    assert taskctl("download", "task-1").code == 10
    assert not (tmp_path / "nowhere").exists()


def half(taskctl: Console, play: Play) -> tuple[Path, Path]:
    """The unfinished file and its notes, as a run leaves them that was cut and then told to stop."""
    play.ephone.files = in_turn(cut(FILE.whole(), 5000), answer(503))
    run = taskctl.running("download", "task-1")
    until(lambda: [path.stat().st_size for path in taskctl.cwd.glob("*.part")] == [5000], "half of the file")
    run.ended(signal.SIGTERM)
    (unfinished,) = taskctl.cwd.glob("*.part")
    (notes,) = (path for path in taskctl.cwd.iterdir() if path != unfinished)
    play.ephone.files = FILE
    return unfinished, notes


def test_S9_a_link_planted_for_the_unfinished_file_is_not_written_through(
    taskctl: Console, play: Play, tmp_path: Path
) -> None:
    unfinished, _ = half(taskctl, play)
    unfinished.unlink()
    victim = planted(unfinished, tmp_path / "victim")
    done = taskctl("download", "task-1")
    assert victim.read_bytes() == b"precious"
    assert done.code == 10
    assert not (taskctl.cwd / "task-1-0.mp4").exists()


def test_S9_a_link_planted_for_the_notes_is_not_written_through(taskctl: Console, play: Play, tmp_path: Path) -> None:
    unfinished, notes = half(taskctl, play)
    believed = notes.read_bytes()
    notes.unlink()
    victim = planted(notes, tmp_path / "victim")
    victim.write_bytes(believed)
    unfinished.write_bytes(b"garbage")
    done = taskctl("download", "task-1")
    assert done.code == 0, done.err
    assert victim.read_bytes() == believed
    assert (taskctl.cwd / "task-1-0.mp4").read_bytes() == BODY
    assert play.server.asked[-1].start is None  # notes behind a link are not believed
