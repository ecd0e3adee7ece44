"""`taskctl delete`: remove tasks and their files at the provider."""

from taskctl.cli import options
from taskctl.cli.command import command
from taskctl.cli.shell import Shell


@command
def delete(shell: Shell, tasks: options.TaskRefs, yes: options.Yes = False) -> None:
    """Remove tasks and their files at the provider, for good. The history keeps what it knows.

    \b
    Example:
      taskctl delete -P moneyprinterturbo "$ID" --yes
    """
    from taskctl.flow import ending
    from taskctl.flow.references import resolve

    with shell.runtime() as runtime:
        found = resolve(runtime, shell.references(tasks))
        able = [task for task in found if runtime.profiles.of(task).dialect.delete is not None]
        if able and not yes:
            names = ", ".join(task.name for task in able[:5]) + (f" and {len(able) - 5} more" if len(able) > 5 else "")
            shell.confirm(f"Delete {names} and all files at the provider?", option="--yes")
        outcome = runtime.run(ending.delete(runtime, found))
        shell.output.tasks(outcome.tasks, outcome.errors, now=runtime.clock.now())
        shell.output.errors(outcome.errors)
        shell.exit(outcome.exit_code)
