"""A JUnit report: every task is a test case, so that any CI shows what became of it."""

from pathlib import Path
from xml.etree import ElementTree as ET

from taskctl.errors import FileError
from taskctl.flow.outcome import Outcome
from taskctl.model import State, Task
from taskctl.safe import safe


def write(path: Path, outcome: Outcome) -> None:
    """Write the report.

    Raises:
        FileError: it cannot be written.
    """
    suite = ET.Element("testsuite", name="taskctl", tests=str(len(outcome.tasks)))
    failures = errors = 0
    for task in outcome.tasks:
        case = ET.SubElement(
            suite, "testcase", name=safe(task.name), classname=safe(f"{task.profile}.{task.model or task.dialect}")
        )
        case.set("time", f"{_took(task):.3f}")
        said = next((error.message for error in outcome.errors if error.task in (task.name, task.id)), task.state.value)
        if task.state.ended and task.state is not State.COMPLETED:
            failures += 1
            ET.SubElement(case, "failure", message=safe(said), type=task.state.value)
        elif task.state is not State.COMPLETED:
            errors += 1
            ET.SubElement(case, "error", message=safe(said), type="pending")
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    try:
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as problem:
        raise FileError(f"{path} cannot be written: {problem.strerror}") from problem


def _took(task: Task) -> float:
    if task.submitted_at is None or task.finished_at is None:
        return 0.0
    return max(0.0, (task.finished_at - task.submitted_at).total_seconds())
