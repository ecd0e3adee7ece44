"""The rows of the provider table."""

from taskctl.dialects.capabilities import CONTRACTS, matrix
from taskctl.dialects.load import Dialects, shipped

ROWS = {str(row["name"]): row for row in matrix([Dialects().get(name) for name in shipped()])}


def yes(column: str) -> list[str]:
    return [name for name, row in ROWS.items() if row[column]]


def test_there_is_a_row_for_each_dialect_with_the_same_columns() -> None:
    assert [*ROWS] == [*shipped()]
    assert len({tuple(row) for row in ROWS.values()}) == 1


def test_the_rows_say_what_the_providers_can_do() -> None:
    assert yes("cancel") == ["bytespike", "sandbox"]
    assert yes("delete") == ["moneyprinterturbo", "sandbox"]
    assert yes("list") == ["evolink", "moneyprinterturbo", "sandbox"]
    assert yes("batch") == ["evolink", "sandbox"]
    assert yes("stream") == ["bytespike", "sandbox"]
    assert yes("upload") == ["evolink", "moneyprinterturbo", "sandbox"]
    assert yes("callback") == ["bytespike", "ephone", "evolink", "sandbox", "yescale"]
    assert yes("found_by_key") == ["bytespike", "sandbox"]
    assert yes("progress") == ["evolink", "moneyprinterturbo", "sandbox", "yescale"]
    assert yes("cost") == ["bytespike", "evolink", "sandbox"]


def test_the_default_operation_comes_first() -> None:
    assert {name: row["operations"] for name, row in ROWS.items()} == {
        "bytespike": ["video", "image"],
        "ephone": ["media"],
        "evolink": ["video", "image", "audio"],
        "moneyprinterturbo": ["video", "audio", "subtitle"],
        "sandbox": [],
        "yescale": ["media", "lyrics", "music"],
    }


def test_contracts_and_lives_are_in_words() -> None:
    assert {name: row["repeated_key"] for name, row in ROWS.items() if row["repeated_key"] != "none"} == {
        "bytespike": "the existing task",
        "sandbox": "the existing task",
    }
    assert {name: row["links_live"] for name, row in ROWS.items() if row["links_live"]} == {
        "bytespike": "24h",
        "evolink": "24h",
    }
    assert {*CONTRACTS} == {"none", "replay", "existing", "reject"}
