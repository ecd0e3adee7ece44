"""`taskctl wait`: follow tasks until they have ended."""

from taskctl.cli import options
from taskctl.cli.shell import Shell, command


@command
def wait(
    shell: Shell,
    tasks: options.TaskRefs,
    timeout: options.Timeout = "1h",  # type: ignore[assignment]  # Typer parses the default as it parses what is typed
    interval: options.Interval = None,
    rate: options.Rate = None,
    any_: options.AnyOne = False,
    fail_fast: options.FailFast = False,
    stall: options.Stall = None,
    junit: options.JUnit = None,
    download: options.Download = False,
    dir_: options.Folder = None,
    name: options.NameTemplate = "{id}-{index}{ext}",
    jobs: options.Jobs = 4,
    extras: options.Extras = False,
    if_exists: options.IfExists = "skip",
) -> None:
    """Follow tasks until every one has ended.

    Prints the output URLs, or with --download the files, one per line. Exits with 0 when all completed, 7 when one
    failed, 8 when patience ended. Ctrl-C leaves the tasks alone and says how to go on.

    \b
    Examples:
      taskctl wait "$ID" --timeout 30m
      taskctl wait @unfinished --download --dir renders
      taskctl list --query 'tasks[].id | join(`\\n`, @)' | taskctl wait -
    """
    from taskctl.cli.following import Following, follow
    from taskctl.flow.references import resolve

    following = Following(
        timeout=timeout, interval=interval, rate=rate, any=any_, fail_fast=fail_fast, stall=stall, junit=junit,
        download=download, dir=dir_, name=name, jobs=jobs, extras=extras, if_exists=if_exists,
    )  # fmt: skip
    with shell.runtime() as runtime:
        follow(shell, runtime, resolve(runtime, shell.references(tasks)), following)
