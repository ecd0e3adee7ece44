"""The manual says everything, and its example works."""

import json
import re
from pathlib import Path

import pytest

from taskctl.dialects import format as tables
from taskctl.dialects.door.heading import STATES
from taskctl.dialects.explain import explain
from taskctl.dialects.expressions import Expression
from taskctl.dialects.load import load, parse
from taskctl.dialects.messages import Answer, Problem
from taskctl.dialects.site import Order, Site
from taskctl.errors import DialectError
from taskctl.model import Kind, Report, State

MANUAL = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", MANUAL, re.DOTALL))
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", MANUAL, re.DOTALL | re.MULTILINE))
SPANS = [span for _, span in re.findall(r"(?<!`)(`+) ?([^\n]+?) ?\1(?!`)", MANUAL)]
TABLES = {
    "The file itself": tables.Format1,
    "A request": tables.Call,
    "`[submit]`": tables.Submit,
    "`[operations.NAME]`": tables.Operation,
    "`[batch]`": tables.Batch,
    "`[list]`": tables.Listing,
    "`[[upload]]`": tables.Upload,
    "`[task]`": tables.TaskFields,
    "`[problem]`": tables.ProblemFields,
    "`[poll]`": tables.Poll,
    "`[download]`": tables.Download,
    "`[check]`": tables.Check,
}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_a_table_is_in_its_section(heading: str) -> None:
    table = TABLES[heading]
    inherited = (
        {*tables.Call.__struct_encode_fields__}
        if table is not tables.Call and issubclass(table, tables.Call)
        else set()
    )
    first_cells = [line.split("|")[1] for line in SECTIONS[heading].splitlines() if line.startswith("| `")]
    written = re.findall(r"`(\w+)`", " ".join(first_cells))
    assert sorted(written) == sorted({*table.__struct_encode_fields__} - inherited)


def test_every_struct_of_the_format_has_a_section() -> None:
    structs = {one for one in vars(tables).values() if isinstance(one, type) and issubclass(one, tables.Table)}
    assert structs - {tables.Table} == {*TABLES.values()}


def test_every_state_has_a_row() -> None:
    assert re.findall(r"^\| `(\w+)`", SECTIONS["`[states]`"], re.MULTILINE) == [*STATES]


def test_every_expression_in_the_running_text_is_one() -> None:
    bodies = [span for span in SPANS if re.match(r"\{\w+: |merge\(|omit\(|code ==", span) and "…" not in span]
    states = [span.split('"')[1] for span in SPANS if span.startswith('state = "')]
    assert len(bodies) >= 6
    assert len(states) == 1
    for text in (*bodies, *states):
        Expression(text)


def example(folder: Path) -> Site:
    path = folder / "pigment.toml"
    path.write_text(EXAMPLES["pigment.toml"], "utf-8")
    dialect = load(path)
    return Site(dialect, dialect.form.base_url)


def test_the_example_builds_the_requests_that_the_text_promises(tmp_path: Path) -> None:
    site = example(tmp_path)
    order = Order(
        operation=site.dialect.operation(None, "oil-7"),
        model="oil-7",
        input={"prompt": "a harbour", "size": "large"},
        key="k",
    )
    request = site.submit(order)
    assert (request.method, request.url) == ("POST", "https://api.pigment.example/v2/renders")
    assert json.loads(request.body or b"") == {"engine": "oil-7", "settings": {"prompt": "a harbour", "size": "large"}}
    assert site.query("r-81").url == "https://api.pigment.example/v2/renders/r-81"
    assert (site.cancel("r-81", None).method, site.cancel("r-81", None).url) == (
        "POST",
        "https://api.pigment.example/v2/renders/r-81/stop",
    )


@pytest.mark.parametrize(
    ("answer", "state", "progress"),
    [
        ({"render": {"ref": "r-81"}}, None, None),
        ({"render": {"ref": "r-81", "phase": "Waiting", "percent": 0, "pictures": []}}, State.QUEUED, 0),
        ({"render": {"ref": "r-81", "phase": "Painting", "percent": 40, "pictures": []}}, State.RUNNING, 40),
        (json.loads(EXAMPLES["answer.json"]), State.COMPLETED, 100),
        ({"render": {"ref": "r-81", "phase": "Ruined", "complaint": "it rained"}}, State.FAILED, None),
    ],
)
def test_the_example_reads_the_answers_that_the_text_shows(
    answer: object, state: State | None, progress: int | None, tmp_path: Path
) -> None:
    told = example(tmp_path).dialect.reader.task(Answer(status=200, body=json.dumps(answer).encode()))
    assert isinstance(told, Report)
    assert (told.id, told.state, told.progress) == ("r-81", state, progress)
    assert [(one.kind, one.url) for one in told.outputs] == (
        [(Kind.IMAGE, "https://gallery.pigment.example/r-81.webp")] if state is State.COMPLETED else []
    )
    assert (told.error is not None) is (state is State.FAILED)


def test_the_example_reads_the_error_that_the_text_shows(tmp_path: Path) -> None:
    body = b'{"fault": {"name": "no_such_render", "text": "never heard of it"}}'
    told = example(tmp_path).dialect.reader.task(Answer(status=400, body=body))
    assert isinstance(told, Problem)
    assert (told.trouble, told.message) == ("not_found", "never heard of it")


def test_the_sample_leaves_unread_what_the_text_says(tmp_path: Path) -> None:
    answer = Answer(status=200, body=EXAMPLES["answer.json"].encode())
    assert explain(example(tmp_path).dialect, answer)["unread"] == ["render.palette"]


def test_the_mistakes_in_the_text_are_answered_as_it_says() -> None:
    wrong = (
        EXAMPLES["pigment.toml"]
        .replace('queued = ["waiting"]', 'finished = ["waiting"]')
        .replace("{id}/stop", "{ref}/stop")
    )
    with pytest.raises(DialectError) as caught:
        parse(wrong, "pigment.toml")
    assert caught.value.message in MANUAL
