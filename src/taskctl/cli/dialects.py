"""What `dialect` shows: capabilities, files, and how an answer is read."""

import json
from importlib import resources
from pathlib import Path

from taskctl.cli.shell import Shell
from taskctl.dialects.capabilities import matrix
from taskctl.dialects.load import Dialects, load, shipped
from taskctl.errors import DialectError, UsageError
from taskctl.store import places


def overview(shell: Shell) -> None:
    """Every dialect and what it can do."""
    dialects = Dialects(places.user_dialects(shell.environ))
    found = matrix(dialects.get(name) for name in dialects.names())
    names = list(found[0])
    rows = [[_cell(row[name]) for name in names] for row in found]
    shell.output.values("dialects", found, rows=rows, names=names)


def show_file(shell: Shell, name: str) -> None:
    """A dialect's file as it is."""
    folder = places.user_dialects(shell.environ)
    if name in shipped():
        text = (resources.files("taskctl.dialects") / "shipped" / f"{name}.toml").read_text("utf-8")
    elif (folder / f"{name}.toml").is_file():
        text = (folder / f"{name}.toml").read_text("utf-8")
    else:
        raise DialectError(f"there is no dialect {name!r}", hint=f"there are {', '.join(Dialects(folder).names())}")
    if shell.output.structured:
        shell.output.values("dialect", {"name": name, "toml": text}, rows=[], names=[])
    else:
        shell.output.lines(text.splitlines(), clean=True)


def check_file(shell: Shell, file: Path, sample: Path | None) -> None:
    """Whether a file is a dialect, and how it reads an answer."""
    from taskctl.dialects.explain import explain
    from taskctl.dialects.messages import Answer

    dialect = load(file)
    found: dict[str, object] = {"name": dialect.name, "file": str(file), "valid": True}
    if sample is not None:
        try:
            content = sample.read_bytes()
        except OSError as problem:
            raise UsageError(f"--sample {sample} cannot be read: {problem.strerror}") from problem
        found["sample"] = explain(dialect, Answer(status=200, body=content))
    rows = [[name, _cell(value)] for name, value in found.items()]
    shell.output.values("dialect", found, rows=rows, names=["", ""])


def _cell(value: object) -> str:
    if value is None or value is False or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if value is True:
        return "yes"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
