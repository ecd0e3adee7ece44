import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskctl.sandbox.shelf import Record, Shelf


def record(task_id: str, key: str | None = None, created_at: float = 1.0) -> Record:
    return Record(
        id=task_id,
        dialect="sandbox",
        kind="video",
        operation="generate",
        model="m",
        prompt="lone \ud800 surrogate",
        created_at=created_at,
        key=key,
        body={"input": {"prompt": "lone \ud800 surrogate"}},
    )


def test_a_task_put_by_one_shelf_is_found_by_another_on_the_same_folder(tmp_path: Path) -> None:
    Shelf(tmp_path).put(record("yescale-flux[max]-1/2"))
    assert Shelf(tmp_path).find("sandbox", "yescale-flux[max]-1/2") == record("yescale-flux[max]-1/2")
    assert Shelf(tmp_path).find("ephone", "yescale-flux[max]-1/2") is None


def test_tasks_are_listed_oldest_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for task_id, created_at in (("b", 2.0), ("a", 3.0), ("c", 1.0)):
        shelf.put(record(task_id, created_at=created_at))
    assert [each.id for each in shelf.all("sandbox")] == ["c", "b", "a"]
    assert shelf.all("ephone") == []


def test_of_many_that_claim_a_key_at_once_one_wins(tmp_path: Path) -> None:
    def claim(number: int) -> str:
        return Shelf(tmp_path).put(record(f"task-{number}", key="the key")).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(claim, range(40)))
    assert len(ids) == 1
    assert {each.id for each in Shelf(tmp_path).all()} == ids


def test_a_removed_task_gives_its_key_back(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first = shelf.put(record("first", key="the key"))
    shelf.cancel(first, 5.0)
    shelf.remove(first)
    assert shelf.held("sandbox", "the key") is None
    assert shelf.put(record("second", key="the key")).id == "second"


def test_the_first_cancellation_counts(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    task = shelf.put(record("task", key="k"))
    shelf.cancel(task, 5.0)
    shelf.cancel(task, 6.0)
    for found in (shelf.find("sandbox", "task"), shelf.held("sandbox", "k"), shelf.all()[0]):
        assert found is not None
        assert found.cancelled_at == 5.0


def test_nobody_counts_the_same_number_twice(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: Shelf(tmp_path).tick("submits", "a prompt"), range(100)))
    assert sorted(counted) == list(range(1, 101))
    assert Shelf(tmp_path).ticks("submits", "a prompt") == 100
    assert Shelf(tmp_path).ticks("submits", "another prompt") == 0


def test_what_is_kept_is_kept_from_others(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    shelf = Shelf(folder)
    shelf.put(record("task", key="k"))
    shelf.tick("submits")
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not list(folder.glob("draft-*"))


def test_keys_work_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", no_links)
    shelf = Shelf(tmp_path)
    ids = {shelf.put(record(task_id, key="the key")).id for task_id in ("first", "second")}
    assert ids == {"first"}


def test_what_another_version_wrote_is_not_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    old = shelf.put(record("old", key="the key"))
    for path in (tmp_path / "tasks" / f"{old.slug}.json", *(tmp_path / "keys").iterdir()):
        path.write_text('{"id": "old", "colour": "red"}')
    assert shelf.all() == []
    assert shelf.find("sandbox", "old") is None
    assert shelf.put(record("new", key="the key")).id == "new"
