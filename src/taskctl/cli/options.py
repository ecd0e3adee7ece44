"""Options that more than one command takes, named once."""

from pathlib import Path
from typing import Annotated

import typer

from taskctl import durations
from taskctl.cli.output import Format


def duration(text: str | float) -> float:
    """Seconds out of `90`, `500ms`, `10m`, `1h30m`."""
    try:
        return durations.seconds(str(text))
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem


def requests(text: str | float) -> float:
    """Requests a second: a number above 0, and not above 1000."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise typer.BadParameter(f"{text!r} is not a number above 0 and not above 1000")
    return number


def _duration(default_help: str, *names: str) -> object:
    return typer.Option(*names, parser=duration, metavar="DURATION", help=default_help, show_default=False)


TaskRefs = Annotated[
    list[str],
    typer.Argument(
        metavar="TASK...",
        help="Ids, unique beginnings or ends of them (4 characters or more), keys, @last, @unfinished, @failed, or - "
        "for stdin.",
    ),
]
Timeout = Annotated[
    float, _duration("Give up after this long; the tasks go on. 0 looks once. [default: 1h]", "--timeout")
]
Interval = Annotated[float | None, _duration("Look this often, instead of as the provider advises.", "--interval")]
Stall = Annotated[
    float | None, _duration("Give up on a task whose state and progress do not change for so long.", "--stall")
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", parser=requests, metavar="N", help="Requests a second to one provider, at most."),
]
AnyOne = Annotated[bool, typer.Option("--any", help="End at the first task that completes.")]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="End at the first task that fails; the others go on.")]
JUnit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report: each task is a test case.")
]
Download = Annotated[bool, typer.Option("--download", help="Fetch the result files of tasks that completed.")]
Folder = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Where files go. [default: the profile's, else here]")
]
NameTemplate = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        help="Name files by {id} {index} {kind} {model} {profile} {prompt} {date} {name} {ext}.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=64, metavar="N", help="Files under way at once.")]
Extras = Annotated[bool, typer.Option("--all", help="Also what came along: cover art, intermediate files.")]
IfExists = Annotated[
    str,
    typer.Option("--if-exists", metavar="skip|rename|overwrite|error", help="What to do where a file of that name is."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="The same key with the same request is one task, however often it is sent.",
    ),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Remember the task under this word; may be repeated.")
]
Model = Annotated[str | None, typer.Option("-m", "--model", metavar="NAME", help="The provider's model.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]

Profile = Annotated[
    str | None,
    typer.Option("-P", "--profile", metavar="NAME", help="A profile, or a provider by its name."),
]
OutputFormat = Annotated[Format | None, typer.Option("-o", "--output", help="What stdout holds.", show_choices=True)]
Query = Annotated[
    str | None, typer.Option("--query", metavar="JMESPATH", help="Only this part of the JSON; text comes raw.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No talk; ids where tasks would be listed.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more of what happens.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Another config file.")]
