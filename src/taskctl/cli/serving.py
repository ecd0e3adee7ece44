"""What `sandbox` does: serve until somebody says stop."""

from taskctl.cli.shell import Shell
from taskctl.errors import ConfigurationError, UsageError
from taskctl.store import places

PREFIXES = ("ephone", "evolink", "bytespike", "yescale", "moneyprinterturbo", "sandbox")


def serve(shell: Shell, host: str, port: int) -> None:
    """Serve the sandbox in the foreground."""
    try:
        from taskctl.sandbox.server import serve as run
    except ImportError as problem:
        raise ConfigurationError(
            f"the sandbox needs the package {problem.name}, which is not installed",
            hint="pip install 'taskctl[sandbox]'",
        ) from problem

    def ready(url: str) -> None:
        addresses = {"url": url, **{prefix: f"{url}/{prefix}" for prefix in PREFIXES}}
        shell.output.values("sandbox", addresses, rows=[[url]], names=["address"])
        for prefix in PREFIXES:
            shell.output.note(f"{prefix:<18} {url}/{prefix}", indent=2)
        shell.output.note("Ctrl-C ends it")

    try:
        run(places.sandbox_folder(shell.environ), host=host, port=port, on_ready=ready)
    except OSError as problem:
        raise UsageError(
            f"cannot listen at {host}:{port}: {problem.strerror or problem}", hint="choose another --port"
        ) from problem
