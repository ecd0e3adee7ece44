"""A JUnit report: every task is a test case, so that any CI shows what became of it."""

from pathlib import Path
from xml.etree import ElementTree as ET

from taskctl.errors import FileError
from taskctl.flow.outcome import Outcome
from taskctl.model import State, Task
from taskctl.safe import safe
from taskctl.secret import redact


def write(path: Path, outcome: Outcome) -> None:
    """Write the report.

    Raises:
        FileError: it cannot be written.
    """
    suite = ET.Element("testsuite", name="taskctl", tests=str(len(outcome.tasks)))
    failures = errors = 0
    for task in outcome.tasks:
        case = ET.SubElement(
            suite, "testcase", name=_clean(task.name), classname=_clean(f"{task.profile}.{task.model or task.dialect}")
        )
        case.set("time", f"{_took(task):.3f}")
        said = [error for error in outcome.errors if error.task and error.task in (task.name, task.id)]
        message = _clean(said[0].message if said else task.state.value)
        if task.state.ended and task.state is not State.COMPLETED:
            failures += 1
            ET.SubElement(case, "failure", message=message, type=task.state.value)
        elif said or task.state is not State.COMPLETED:
            errors += 1
            ET.SubElement(case, "error", message=message, type=said[0].code if said else "pending")
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    try:
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as problem:
        raise FileError(f"{path} cannot be written: {problem.strerror}") from problem


def _clean(text: str) -> str:
    return safe(redact(text))


def _took(task: Task) -> float:
    if task.submitted_at is None or task.finished_at is None:
        return 0.0
    return max(0.0, (task.finished_at - task.submitted_at).total_seconds())
