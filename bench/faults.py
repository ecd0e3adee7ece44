"""Runs the fault tests in full and writes the table of docs/reliability.md: fault, what taskctl does, what others did.

    python bench/faults.py [--quick]

In full, answers are cut at every byte and processes killed in every phase many times; --quick runs what the test suite
runs. Every test of `tests/faults` is named after the fault that it is about, and every fault of `docs/faults.toml` has
one, or says there why not. Exits with 1 where one fails.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
PAGE, TABLE = ROOT / "docs" / "reliability.md", ROOT / "docs" / "faults.toml"
UNTESTED = {"S18"}
FAULT = re.compile(r"(?<![A-Za-z0-9])[PLSR][0-9]{1,2}(?=[_\]-])")
LIBRARIES = ("typer", "rich", "httpx2", "h11")


def results(folder: Path, *, quick: bool) -> tuple[Counter[str], Counter[str]]:
    """How many tests of each fault there were, and how many of them did not pass."""
    report = folder / "report.xml"
    env = os.environ if quick else {**os.environ, "TASKCTL_FAULTS": "full"}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", f"--junit-xml={report}", "tests/faults"]
    subprocess.run(command, cwd=ROOT, env=env, check=False)
    ran, failed = Counter[str](), Counter[str]()
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # our own report
        if case.find("skipped") is not None:
            continue
        for fault in set(FAULT.findall(case.get("name", "").removeprefix("test_"))):
            ran[fault] += 1
            failed[fault] += case.find("failure") is not None or case.find("error") is not None
    return ran, failed


def table(ran: Counter[str], failed: Counter[str]) -> str:
    """The table, in Markdown."""
    told = tomllib.loads(TABLE.read_text("utf-8"))
    lines = []
    for letter, promise in told["promises"].items():
        lines += ["", f"### {promise}", "", "| | fault | taskctl | others | |", "| --- | --- | --- | --- | --- |"]
        for name, row in told["faults"].items():
            if name[0] == letter:
                seen = "passes" if ran[name] and not failed[name] else "fails" if ran[name] else "not tested"
                tests = f"{seen}, {ran[name]} test{'s' * (ran[name] != 1)}" if ran[name] else seen
                lines.append(f"| {name} | {row['fault']} | {row['taskctl']} | {row['field']} | {tests} |")
    return "\n".join(lines).strip()


def main() -> None:
    """Run the tests and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the short form, and the page stays as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        ran, failed = results(Path(made), quick=options.quick)
    known = set(tomllib.loads(TABLE.read_text("utf-8"))["faults"])
    missing, strange = known - set(ran) - UNTESTED, set(ran) - known
    passing = sum(not failed[name] for name in ran)
    told = f"{passing} of {len(known)} faults pass, {sum(ran.values())} tests"
    print(told)
    if not options.quick:
        libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {libraries}"
        said = f"{datetime.now(UTC):%Y-%m-%d}, taskctl {version('taskctl')}, {machine}: {told}.\n\n{table(ran, failed)}"
        page = PAGE.read_text("utf-8")
        made_here = re.compile(r"(?s)(<!-- made: faults -->\n).*(\n<!-- /made -->)")
        PAGE.write_text(made_here.sub(lambda found: f"{found[1]}\n{said}\n{found[2]}", page), "utf-8")
    for name in sorted(missing | strange | {name for name in failed if failed[name]}):
        print(f"{name}: {'fails' if failed[name] else 'has no test' if name in missing else 'is not in the table'}")
    sys.exit(bool(missing or strange or any(failed.values())))


if __name__ == "__main__":
    main()
