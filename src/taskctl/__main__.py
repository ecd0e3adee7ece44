"""What `python -m taskctl` runs: the same as the console script."""

from taskctl.cli.main import entry

entry()
