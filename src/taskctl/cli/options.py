"""Options that more than one command takes, named once."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from taskctl import durations
from taskctl.cli.output import Format
from taskctl.errors import UsageError
from taskctl.flow.quota import Quota


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


def quota(text: object) -> Quota:
    """How many have to complete: `3`, or `90%` of them."""
    try:
        return text if isinstance(text, Quota) else Quota.of_text(str(text))
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from problem


def _duration(name: str, help_: str) -> object:
    return typer.Option(name, parser=duration, metavar="DURATION", help=help_, show_default=False)


def written(bundle: object) -> Iterator[str]:
    """The options of a bundle that were given, as they could be typed."""
    kinds = get_type_hints(type(bundle), include_extras=True)
    for each in fields(bundle):  # type: ignore[arg-type]  # a bundle is a dataclass
        value = getattr(bundle, each.name)
        if value != each.default:
            option = kinds[each.name].__metadata__[0]
            yield next(name for name in (option.default, *(option.param_decls or ())) if str(name).startswith("--"))
            if value is not True:
                yield f"{value:g}" if isinstance(value, float) else str(value)


TaskRefs = Annotated[
    list[str],
    typer.Argument(
        metavar="TASK...",
        help="Ids, unique beginnings or ends of them (4 characters or more), keys, @last, @unfinished, @failed, "
        "@expiring, or - for stdin.",
    ),
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


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command takes."""

    profile: Annotated[
        str | None, typer.Option("-P", "--profile", metavar="NAME", help="A profile, or a provider by its name.")
    ] = None
    output: Annotated[Format | None, typer.Option("-o", "--output", help="What stdout holds.")] = None
    query: Annotated[
        str | None, typer.Option("--query", metavar="JMESPATH", help="Only this part of the JSON; text comes raw.")
    ] = None
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No talk; ids where tasks would be listed.")] = False
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more of what happens.")] = False
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Another config file.")] = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How to follow tasks; durations in seconds."""

    timeout: Annotated[
        float, _duration("--timeout", "Give up after this long; the tasks go on. 0 looks once. [default: 1h]")
    ] = 3600.0
    interval: Annotated[
        float | None, _duration("--interval", "Look this often, instead of as the provider advises.")
    ] = None
    rate: Annotated[
        float | None,
        typer.Option("--rate", parser=requests, metavar="N", help="Requests a second to one provider, at most."),
    ] = None
    any: Annotated[bool, typer.Option("--any", help="End at the first task that completes.")] = False
    min_success: Annotated[
        Quota | None,
        typer.Option(
            "--min-success", parser=quota, metavar="N|N%", help="So many completed tasks are enough for exit 0."
        ),
    ] = None
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End as soon as too many have failed; the others go on.")
    ] = False
    stall: Annotated[
        float | None, _duration("--stall", "Give up on a task whose state and progress do not change for so long.")
    ] = None
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report: each task is a test case.")
    ] = None
    github_output: Annotated[
        str | None,
        typer.Option("--github-output", metavar="NAME", help="Set this output of a GitHub step to the links or files."),
    ] = None
    download: Annotated[bool, typer.Option("--download", help="Fetch the result files of tasks that completed.")] = (
        False
    )

    def __post_init__(self) -> None:
        if self.any and self.min_success is not None:
            raise UsageError(
                "--any and --min-success contradict each other", hint="--any is --min-success 1 that ends at once"
            )
        if self.github_output is not None:
            from taskctl.cli.github import check_output_name

            check_output_name(self.github_output)


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """How to fetch files."""

    dir: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where files go. [default: the profile's, else here]"),
    ] = None
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="TEMPLATE",
            help="Name files by {id} {index} {kind} {model} {profile} {prompt} {date} {name} {ext}.",
        ),
    ] = "{id}-{index}{ext}"
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, metavar="N", help="Files under way at once.")] = 4
    extras: Annotated[bool, typer.Option("--all", help="Also what came along: cover art, intermediate files.")] = False
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="FILE", help="Write what was fetched as JSON: path, bytes, SHA-256, type."),
    ] = None
    if_exists: Annotated[
        str,
        typer.Option(
            "--if-exists", metavar="skip|rename|overwrite|error", help="What to do where a file of that name is."
        ),
    ] = "skip"

    def __post_init__(self) -> None:
        from taskctl.net.transfer import Target

        Target(folder=Path(), template=self.name, if_exists=self.if_exists)  # refused before anything is sent
