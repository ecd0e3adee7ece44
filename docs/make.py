"""Makes what the documentation takes from the program: README's tables, and the picture of the demo.

Run `python docs/make.py` after a change of a dialect, a command or an exit code, and `python docs/make.py --picture`
to take the picture again. `tests/test_docs.py` fails where the tables are not those of the program.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

from taskctl.dialects.capabilities import matrix
from taskctl.dialects.load import Dialects, shipped
from taskctl.errors import ExitCode

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS, LINES = 104, 48
WORDS = {
    "operations": "submits",
    "cancel": "cancel",
    "delete": "delete",
    "list": "list at the provider",
    "batch": "many tasks in one look",
    "stream": "followed by a stream",
    "upload": "file uploads (else inline)",
    "callback": "callbacks",
    "progress": "tells progress",
    "repeated_key": "a repeated key brings",
    "found_by_key": "finds a task by its key",
    "links_live": "result links live",
}
MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.BUG: "a bug in taskctl",
    ExitCode.USAGE: "usage",
    ExitCode.CONFIGURATION: "configuration: profile, dialect, config file, history",
    ExitCode.CREDENTIALS: "credentials missing or refused",
    ExitCode.REFUSED: "the provider refused, cannot do this, does not know the task, or said something unreadable",
    ExitCode.NO_ANSWER: "no answer: network, TLS, 5xx or 429 beyond our patience",
    ExitCode.FAILED: "a task failed, was cancelled or expired",
    ExitCode.PENDING: "still running when patience ended",
    ExitCode.UNCONFIRMED: "a submission's answer was lost: it may have been accepted and charged; "
    "`taskctl reconcile` settles it",
    ExitCode.FILE: "a file could not be written or verified",
    ExitCode.HANGUP: "the terminal hung up",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C); tasks go on",
    ExitCode.BROKEN_PIPE: "the reader of our pipe went away",
    ExitCode.TERMINATED: "terminated; tasks go on",
}


def providers() -> str:
    """The table of providers and what each can do."""
    rows = [row for row in matrix(Dialects().get(name) for name in shipped()) if row["name"] != "sandbox"]
    names = ("", *(f"`{row['name']}`" for row in rows))
    lines = [(words, *(_cell(row[name]) for row in rows)) for name, words in WORDS.items()]
    return _table(names, lines)


def exit_codes() -> str:
    """The table of exit codes."""
    return _table(("code", "meaning"), [(str(int(code)), MEANINGS[code]) for code in ExitCode])


def filled(text: str) -> str:
    """The text with what stands between the marks made anew."""
    for name, made in (("providers", providers()), ("exit codes", exit_codes())):
        begin, end = f"<!-- made: {name} -->", "<!-- /made -->"
        text = re.sub(f"{begin}.*?{end}", f"{begin}\n\n{made}\n\n{end}", text, count=1, flags=re.DOTALL)
    return text


def picture() -> str:
    """The demo as an SVG: what it says, with the bars as they were while the tasks ran."""
    from rich.console import Console
    from rich.text import Text

    running, ended = _played()
    at = next(place for place, line in enumerate(ended) if line.plain.startswith("3. Wait")) + 1
    bars = [line for line in running if "━" in line.plain]
    console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123  # lives as long
    for line in [Text("$ taskctl demo", style="bold"), *ended[:at], *bars, *ended[at:]]:
        console.print(line, no_wrap=True)
    return console.export_svg(title="taskctl demo", unique_id="taskctl")


def _played() -> tuple[list["Text"], list["Text"]]:  # type: ignore[name-defined]  # noqa: F821  # imported by the caller
    """The screen of the demo while tasks run, and at its end."""
    import pexpect
    import pyte

    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sys.executable).parent / "taskctl")
        env = {"HOME": folder, "TERM": "xterm-256color", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        child = pexpect.spawn(program, ["demo"], env=env, cwd=folder, dimensions=(LINES, COLUMNS))
        began, halfway = time.monotonic(), None
        while True:
            try:
                stream.feed(child.read_nonblocking(65536, timeout=30))
            except pexpect.EOF:
                break
            if halfway is None and time.monotonic() - began > 4.5:
                halfway = _lines(screen)
    return halfway or [], _lines(screen)


def _lines(screen: "pyte.Screen") -> list["Text"]:  # type: ignore[name-defined]  # noqa: F821  # imported by the caller
    from rich.style import Style
    from rich.text import Text

    lines = []
    for row in range(screen.lines):
        line = Text()
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            colour = (
                None
                if cell.fg == "default"
                else f"#{cell.fg}"
                if re.fullmatch("[0-9a-f]{6}", cell.fg)
                else _NAMES.get(cell.fg, cell.fg)
            )
            line.append(cell.data, Style(color=colour, bold=cell.bold or None))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


_NAMES = {"brown": "yellow"}


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "one kind"
    return {True: "yes", False: "no", None: "not stated"}.get(value) or str(value)  # type: ignore[call-overload]  # any value may be asked for


def _table(names: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    rows = [names, tuple("---" for _ in names), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    README.write_text(filled(README.read_text("utf-8")), "utf-8")
    print(f"made the tables of {README.name}")
    if "--picture" in sys.argv:
        PICTURE.write_text(picture(), "utf-8")
        print(f"made {PICTURE.relative_to(ROOT)}")
