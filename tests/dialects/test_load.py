"""Where dialects come from."""

from pathlib import Path

import pytest

from taskctl.dialects.load import Dialects, _variables, load, shipped
from taskctl.errors import DialectError
from tests.dialects.small import text


def write(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text(*changes), "utf-8")
    return path


def test_five_providers_and_a_sandbox_come_along() -> None:
    assert shipped() == ("bytespike", "ephone", "evolink", "moneyprinterturbo", "sandbox", "yescale")
    assert Dialects().names() == [*shipped()]


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_dialect_is_named_like_its_file(name: str) -> None:
    assert Dialects().get(name).name == name


def test_environment_variables_belong_to_one_shipped_dialect_each() -> None:
    variables = {str(Dialects().get(name).form.key_env): name for name in shipped()}
    assert variables == _variables()
    assert len(variables) == len(shipped())


def test_a_dialect_is_loaded_once() -> None:
    dialects = Dialects()
    assert dialects.get("evolink") is dialects.get("evolink")


def test_a_users_dialects_stand_behind_the_shipped_ones(tmp_path: Path) -> None:
    write(tmp_path, "small")
    write(tmp_path, "a", ('name = "small"', 'name = "a"'))
    (tmp_path / "notes.txt").write_text("no dialect")
    dialects = Dialects(tmp_path)
    assert dialects.names() == [*shipped(), "a", "small"]
    assert dialects.get("small").form.base_url == "https://api.small.example"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert Dialects(tmp_path / "nowhere").names() == [*shipped()]


def test_an_unknown_name_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    write(tmp_path, "small")
    with pytest.raises(DialectError, match="there is no dialect 'smal'") as caught:
        Dialects(tmp_path).get("smal")
    assert caught.value.hint == f"known are {', '.join(shipped())}, small"


def test_a_name_must_be_the_files_own(tmp_path: Path) -> None:
    write(tmp_path, "tiny")
    with pytest.raises(DialectError, match=r"tiny\.toml: name: 'small' must be the file's own name, 'tiny'"):
        Dialects(tmp_path).get("tiny")


def test_a_shipped_name_is_taken_and_neither_file_wins_in_silence(tmp_path: Path) -> None:
    write(tmp_path, "evolink", ('name = "small"', 'name = "evolink"'))
    assert Dialects(tmp_path).names() == [*shipped()]
    with pytest.raises(DialectError, match=r"evolink\.toml: name: 'evolink' is the name of a shipped dialect"):
        Dialects(tmp_path).get("evolink")


def test_the_variable_of_a_shipped_dialect_is_not_for_others(tmp_path: Path) -> None:
    write(tmp_path, "small", ("SMALL_API_KEY", "EVOLINK_API_KEY"))
    with pytest.raises(DialectError, match=r"key_env: 'EVOLINK_API_KEY' belongs to the shipped dialect 'evolink'"):
        Dialects(tmp_path).get("small")


def test_one_wrong_file_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("format = ")
    write(tmp_path, "small")
    assert Dialects(tmp_path).get("small").name == "small"
    with pytest.raises(DialectError, match=r"broken\.toml: is not TOML"):
        Dialects(tmp_path).get("broken")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DialectError, match=r"nothing\.toml: cannot be read: No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(DialectError, match="cannot be read"):
        load(tmp_path)


def test_a_file_by_path_may_have_any_name(tmp_path: Path) -> None:
    assert load(write(tmp_path, "draft-7")).name == "small"
