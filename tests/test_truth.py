"""Five hundred tasks at once, some of them in trouble: every way of telling how it went tells the truth."""

import io
import json
import random
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx2
import pytest

from taskctl.cli import github, junit
from taskctl.cli.output import Format, Output
from taskctl.flow import following
from taskctl.model import State, Task
from tests.conftest import FakeClock
from tests.flow.world import DIALECTS, World

COUNT = 500
SEED = 20261122


class Provider:
    """Tasks that end in their own time and way; some answer 502 for a while, some are forgotten."""

    def __init__(self, clock: FakeClock, dialect: str) -> None:
        chance = random.Random(SEED)  # noqa: S311  # the same tasks every time, no secret
        self._clock = clock
        self._dialect = dialect
        self.ids = [f"task-unified-{number:04}" for number in range(COUNT)]
        failing, flaky, forgotten = (set(chance.sample(self.ids, share)) for share in (25, 25, 10))
        self.truth = {
            id_: State.EXPIRED if id_ in forgotten else State.FAILED if id_ in failing else State.COMPLETED
            for id_ in self.ids
        }
        self.ends = {id_: chance.uniform(1, 600) for id_ in self.ids}
        self.flaky = {id_: (start := chance.uniform(0, 300), start + chance.uniform(10, 200)) for id_ in flaky}
        self.requests = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        if request.method == "POST":
            asked = json.loads(request.content)["task_ids"]
            found = [told for id_ in asked if "id" in (told := self._tell(id_)[1])]
            return httpx2.Response(200, json={"data": found})
        status, told = self._tell(request.url.path.rpartition("/")[2])
        return httpx2.Response(status, json=told)

    def _tell(self, id_: str) -> tuple[int, dict[str, object]]:
        now = self._clock.passed
        start, stop = self.flaky.get(id_, (0.0, 0.0))
        if start <= now < stop:
            return 502, {"error": {"message": "bad gateway"}}
        if now < self.ends[id_]:
            return 200, {"id": id_, "status": "processing" if self._dialect == "evolink" else "in_progress"}
        match self.truth[id_]:
            case State.EXPIRED:
                return 404, {"error": {"code": "task_not_found", "message": "no such task"}}
            case State.FAILED:
                return 200, {"id": id_, "status": "failed", "error": {"code": "moderated", "message": f"no {id_}"}}
        link = f"https://cdn.example/{id_}.mp4"
        return 200, {"id": id_, "status": "completed", "results": [link], "outputs": [link]}


@pytest.mark.parametrize("dialect", ["ephone", "evolink"])
def test_the_exit_code_the_document_the_report_and_the_summary_agree_with_the_truth(
    tmp_path: Path, clock: FakeClock, dialect: str
) -> None:
    world, provider = World(tmp_path, clock), Provider(clock, dialect)
    base_url = DIALECTS.get(dialect).form.base_url
    tasks = [Task(id=id_, key=None, profile=dialect, dialect=dialect, base_url=base_url) for id_ in provider.ids]
    patience = following.Patience(rate=20.0)
    ended: list[Task] = []
    outcome = world.run(provider, lambda runtime: following.wait(runtime, tasks, patience, ended.append))
    assert outcome.exit_code == 7

    stdout = io.StringIO()
    Output(format=Format.JSON, stdout=stdout).tasks(outcome.tasks, outcome.errors, now=world.clock.now())
    document = json.loads(stdout.getvalue())
    assert {task["id"]: task["state"] for task in document["tasks"]} == provider.truth
    assert [task["id"] for task in document["tasks"]] == provider.ids
    bad = {id_ for id_, state in provider.truth.items() if state is not State.COMPLETED}
    assert Counter(error["task"] for error in document["errors"]) == Counter(bad)
    forgotten = {task["id"] for task in document["tasks"] if task["error"] and task["error"]["code"] == "forgotten"}
    assert forgotten == {id_ for id_, state in provider.truth.items() if state is State.EXPIRED}

    junit.write(tmp_path / "report.xml", outcome)
    suite = ET.fromstring((tmp_path / "report.xml").read_bytes())  # noqa: S314  # our own file
    said = {case.get("name"): [(child.tag, child.get("type")) for child in case] for case in suite}
    assert said == {
        id_: [] if state is State.COMPLETED else [("failure", state.value)] for id_, state in provider.truth.items()
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("500", str(len(bad)), "0")

    github.summarise(outcome, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    rows = re.findall(r"(?m)^\| (task\S+) \| +\| (\w+)", (tmp_path / "summary").read_text().replace("\\", ""))
    assert dict(rows) == provider.truth

    assert {task.id: task.state for task in ended} == provider.truth
    assert {task.id: task.state for task in world.rows()} == provider.truth
    batches = 50 if dialect == "evolink" else 1
    assert provider.requests <= 20 * world.clock.passed + 1
    assert world.clock.passed < 600 + 100
    assert provider.requests < 60_000 / batches + 2000
