"""`taskctl submit`: start a task."""

from typing import Annotated

import typer

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def submit(
    shell: Shell,
    waiting: options.Waiting,
    fetching: options.Fetching,
    items: Annotated[list[str] | None, typer.Argument(metavar="[ITEM]...", show_default=False)] = None,
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", metavar="TEXT", help="What to make, in words.")
    ] = None,
    model: options.Model = None,
    input_: Annotated[
        str | None, typer.Option("-i", "--input", metavar="FILE|-", help="A JSON object; items win over it.")
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option("--operation", metavar="NAME", help="What kind of task, where the model does not tell."),
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option("--callback-url", metavar="URL", help="Where the provider reports the end.")
    ] = None,
    key: options.Key = None,
    tag: options.Tags = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the request as a curl command; send and upload nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the task until it has ended.")] = False,
) -> None:
    """Start a task and print its id.

    An ITEM is an input of the model: name=text, name:=JSON, name=@file (text from a file), name:=@file.json, or
    name@picture.png (the file itself). a.b=1 nests, a[]=x appends to a list, prompt=@- reads stdin.

    \b
    Examples:
      taskctl submit -P evolink -m seedance-2.0 prompt="a dog on a beach" duration:=5
      taskctl submit -P sandbox -p "a dog on a beach" --wait --download
      ID=$(taskctl submit -P ephone -m kling-v3/text-to-video prompt="a dog" duration=5)
    """
    from taskctl.cli import wishes
    from taskctl.cli.following import follow
    from taskctl.flow import submitting

    with shell.runtime() as runtime:
        wish = wishes.made(
            runtime.profiles.selected(), items or [], prompt=prompt, model=model, input_=input_, operation=operation,
            callback_url=callback_url, key=key, tags=tag or [],
        )  # fmt: skip
        if dry_run:
            wishes.show(shell, wish.profile, *submitting.request_of(runtime, wish))
            return
        task = wishes.sent(runtime, submitting.submit(runtime, wish))
        if wait or waiting.download:
            shell.output.note(task.name)
            follow(shell, runtime, [task], waiting, fetching)
        else:
            shell.results([task], lines=[task.name])
            shell.output.hint_next(task)
