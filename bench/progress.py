"""What the display of a wait costs: taskctl's board beside a plain rich progress bar for each task, in one run.

    python bench/progress.py [--seconds 15]

Each contender is a process on a pseudo-terminal of 120 columns and 40 lines that shows so many tasks, of which five a
second move on by a percent, as they do at five looks a second. Printed is the CPU time that it took beyond a process
that hears the same and shows nothing, in percent of one core.
"""

import argparse
import fcntl
import os
import platform
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from datetime import UTC, datetime
from pathlib import Path

CHANGES = 5
"""Changes a second."""
SHOW = """
import os, resource, sys, time
from dataclasses import replace
from taskctl.cli.output import Output
from taskctl.cli.progress import LineListener, LiveListener
from taskctl.clock import SystemClock
from taskctl.model import State, Task
from taskctl.net.watched import Seen

how, count, seconds, changes = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
clock = SystemClock()
tasks = [
    Task(id=f"task-unified-{n:06}", key=None, profile="evolink", dialect="evolink", base_url="https://h",
         state=State.RUNNING, progress=0, submitted_at=clock.now())
    for n in range(count)
]

def moved(number):
    place = number % count
    before = tasks[place]
    tasks[place] = replace(before, progress=min(99, (before.progress or 0) + 1))
    return place, before, tasks[place]

if how == "rich":
    from rich.progress import Progress
    progress = Progress(transient=True)
    bars = [progress.add_task(task.id, total=100) for task in tasks]
    progress.start()
    tell = lambda place, before, after: progress.update(bars[place], completed=after.progress)
    end = progress.stop
else:
    from rich import progress, live  # what only drawing needs is not what drawing costs
    listener = (LiveListener if how == "taskctl" else LineListener)(Output(quiet=how == "nothing"), clock)
    listener.watching(tasks, 3600.0, {})
    tell = lambda place, before, after: listener.seen([Seen(task=after, before=before)])
    end = listener.unwatch

began, cpu = time.monotonic(), time.process_time()
for number in range(int(seconds * changes)):
    time.sleep(max(0.0, began + (number + 1) / changes - time.monotonic()))
    tell(*moved(number))
spent = time.process_time() - cpu
end()
with open(sys.argv[5], "w") as file:
    file.write(str(spent / (time.monotonic() - began)))
"""


def share(how: str, count: int, seconds: float, report: Path) -> float:
    """The part of a core that this way of showing so many tasks takes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-c", SHOW, how, str(count), str(seconds), str(CHANGES), str(report)]
    env = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=env)
    os.close(theirs)
    threading.Thread(target=_drained, args=(ours,), daemon=True).start()
    process.wait()
    return float(report.read_text())


def _drained(terminal: int) -> None:
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # the other end has gone
        os.close(terminal)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    seconds = parser.parse_args().seconds
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}; percent of a core beyond showing nothing")
    print(f"{'tasks':>6} {'taskctl':>9} {'rich bars':>10} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        for count in (1, 10, 100, 1000):
            nothing, board, bars = (share(how, count, seconds, report) for how in ("nothing", "taskctl", "rich"))
            ours, theirs = board - nothing, bars - nothing
            print(f"{count:6} {ours * 100:8.2f}% {theirs * 100:9.2f}% {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
