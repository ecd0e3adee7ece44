"""`taskctl profile`: named settings for providers."""

from typing import Annotated

import typer

from taskctl.cli.command import command
from taskctl.cli.shell import Shell

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Named settings for providers."
)
_HELP = {"help_option_names": ["-h", "--help"]}
Name = Annotated[str, typer.Argument(metavar="NAME", help="A profile.")]


@app.command("list", context_settings=_HELP)
@command
def list_(shell: Shell) -> None:
    """List the profiles, and where each one's key comes from.

    \b
    Example:
      taskctl profile list
    """
    from taskctl.cli import profiles

    profiles.overview(shell)


@app.command("show", context_settings=_HELP)
@command
def show(shell: Shell, name: Name) -> None:
    """Show a profile's settings, never its key.

    \b
    Example:
      taskctl profile show studio
    """
    from taskctl.cli import profiles

    profiles.show(shell, name)


@app.command("add", context_settings=_HELP)
@command
def add(
    shell: Shell,
    name: Name,
    dialect: Annotated[
        str | None, typer.Option("--dialect", metavar="NAME", help="The provider's dialect. [default: NAME]")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Another address that speaks it.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="VARIABLE", help="The key is in this variable.")
    ] = None,
    key_command: Annotated[
        str | None, typer.Option("--key-command", metavar="COMMAND", help="This prints the key: 'pass studio'.")
    ] = None,
    keyring: Annotated[bool, typer.Option("--keyring", help="Keep the key in the system's keyring.")] = False,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from stdin and keep it in the config file.")
    ] = False,
    default: Annotated[bool, typer.Option("--default", help="Use this profile where none is named.")] = False,
) -> None:
    """Add a profile. A key is asked for, or read from stdin; it is never a command-line argument.

    \b
    Examples:
      taskctl profile add studio --dialect evolink --key-env STUDIO_KEY --default
      pass show studio | taskctl profile add studio --dialect evolink --key-stdin
    """
    from taskctl.cli import profiles

    given = profiles.Given(
        dialect=dialect,
        base_url=base_url,
        key_env=key_env,
        key_command=key_command,
        keyring=keyring,
        key_stdin=key_stdin,
        default=default,
    )
    profiles.add(shell, name, given)


@app.command("set", context_settings=_HELP)
@command
def set_(
    shell: Shell,
    name: Name,
    settings: Annotated[
        list[str], typer.Argument(metavar="SETTING=VALUE...", help="What to set; SETTING= takes it away.")
    ],
) -> None:
    """Set what a profile says: model, operation, rate, interval, dir, base_url, api_key_env, api_key_keyring.

    \b
    Example:
      taskctl profile set studio model=seedance-2.0 interval=5s
    """
    from taskctl.cli import profiles

    profiles.set_(shell, name, settings)


@app.command("use", context_settings=_HELP)
@command
def use(shell: Shell, name: Name) -> None:
    """Make this the profile that is used where none is named.

    \b
    Example:
      taskctl profile use studio
    """
    from taskctl.cli import profiles

    profiles.use(shell, name)


@app.command("remove", context_settings=_HELP)
@command
def remove(shell: Shell, name: Name) -> None:
    """Remove a profile. Tasks it submitted stay in the history.

    \b
    Example:
      taskctl profile remove studio
    """
    from taskctl.cli import profiles

    profiles.remove(shell, name)


@app.command("check", context_settings=_HELP)
@command
def check(
    shell: Shell,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A profile.", show_default=False)] = None,
) -> None:
    """Ask the provider's cheapest endpoint whether the profile and its key work.

    \b
    Example:
      taskctl profile check evolink
    """
    from taskctl.cli import profiles

    profiles.check(shell, name)
