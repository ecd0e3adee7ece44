"""A JUnit report: every task is a test case, so that any CI shows what became of it."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from taskctl.errors import FileError, StillPending, TaskctlError
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
    counts = Counter[str]()
    said_of = {error.task: error for error in (*outcome.excused, *outcome.errors) if error.task}
    for task in outcome.tasks:
        case = ET.SubElement(
            suite, "testcase", name=_clean(task.name), classname=_clean(f"{task.profile}.{task.model or task.dialect}")
        )
        case.set("time", f"{_took(task):.3f}")
        said = said_of.get(task.name)
        message = _clean(said.message if said else task.state.value)
        verdict = _verdict(task, said)
        if verdict is not None:
            counts[verdict[0]] += 1
            ET.SubElement(case, verdict[0], message=message, type=verdict[1])
    for attribute, verdict_ in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(counts[verdict_]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as problem:
        raise FileError(f"{path} cannot be written: {problem.strerror}") from problem


def _verdict(task: Task, said: TaskctlError | None) -> tuple[str, str] | None:
    """The element that a test case holds, and its type; None where all is well."""
    if task.state.ended and task.state is not State.COMPLETED:
        return "failure", task.state.value
    if isinstance(said, StillPending):
        return "error", "timeout"
    if said is not None:
        return "error", said.code
    if task.state is State.COMPLETED:
        return None
    return "skipped", task.state.value  # the wait had its end without it


def _clean(text: str) -> str:
    return safe(redact(text))


def _took(task: Task) -> float:
    if task.took_seconds is not None:
        return task.took_seconds
    if task.submitted_at is None or task.finished_at is None:
        return 0.0
    return max(0.0, (task.finished_at - task.submitted_at).total_seconds())
