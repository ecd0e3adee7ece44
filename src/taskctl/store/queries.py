"""The history's questions, as SQL that finds its rows by an index however many there are."""

from collections.abc import Collection
from datetime import datetime

from taskctl.model import State
from taskctl.store.database import Value
from taskctl.store.rows import plain, stamp

SHORTEST = 4
"""Characters that the beginning or end of an id needs."""

MATCHES = 50
"""The most tasks that one beginning or end finds."""

EVER = -(2**63)
"""Before every time: even an open list is a search in the index of times."""

LAST = "\U0010ffff"
"""Sorts behind whatever an id may go on with."""

TASK = (
    "row, listed_at, base_url, id, key, profile, dialect, operation, model, state,"
    " submitted_at, updated_at, finished_at, facts, outputs, tags, input"
)
NEWEST = "ORDER BY listed_at DESC, row DESC"

# What these are put together from are the names above, never a value.
BY_ID = f"SELECT {TASK} FROM task WHERE id = ? {NEWEST}"  # noqa: S608 - as said above
BY_KEY = f"SELECT {TASK} FROM task WHERE key = :key OR wire_key = :key {NEWEST}"  # noqa: S608 - as said above
BY_AFFIX = f"""
    SELECT {TASK} FROM task
    WHERE (id >= :begin AND id < :begin_stop) OR (id_backwards >= :end AND id_backwards < :end_stop)
       OR (key >= :begin AND key < :begin_stop) OR (key_backwards >= :end AND key_backwards < :end_stop)
    {NEWEST} LIMIT {MATCHES}
"""  # noqa: S608 - as said above
BY_IDENTITY = "SELECT * FROM task WHERE id = ? AND base_url = ?"
BY_ROW = "SELECT * FROM task WHERE row = ?"
UNCONFIRMED = f"SELECT * FROM task WHERE state = ? AND id IS NULL {NEWEST}"  # noqa: S608 - as said above
LOST = "SELECT count(*) AS count FROM task WHERE state = ? AND id IS NULL AND coalesce(in_flight_until, 0) <= ?"
EVERYTHING = f"SELECT {TASK} FROM task ORDER BY row"  # noqa: S608 - as said above
SAME_KEY = f"""
    SELECT * FROM task WHERE base_url = :base_url AND (key IN (:key, :wire_key) OR wire_key IN (:key, :wire_key))
    {NEWEST}
"""  # noqa: S608 - as said above
BY_KEY_AT = "SELECT * FROM task WHERE (key = :key OR wire_key = :key) AND (:base_url IS NULL OR base_url = :base_url)"
SUBMISSION = f"{BY_KEY_AT} {NEWEST}"
UNSETTLED = f"{BY_KEY_AT} AND id IS NULL {NEWEST}"
TOOK = """
    SELECT json_extract(facts, '$.took_seconds') AS took FROM (
        SELECT facts, base_url, model, operation FROM task WHERE state = 'completed'
        ORDER BY listed_at DESC, row DESC LIMIT 5000
    )
    WHERE base_url = ? AND model IS ? AND operation IS ? AND took IS NOT NULL LIMIT 50
"""
"""The newest alone are read: what tasks took a year ago says little, and a million rows take long."""

TOUCH = "UPDATE task SET in_flight_until = :until WHERE row = :row AND id IS NULL"
CLAIM = f"{TOUCH} AND (in_flight_until IS NULL OR in_flight_until <= :now)"
INHERIT = """
    UPDATE task SET (wire_key, files, fingerprint, method, url, content_type, body_sha256) =
        (SELECT wire_key, files, fingerprint, method, url, content_type, body_sha256 FROM task WHERE row = :mine)
    WHERE row = :row AND fingerprint IS NULL
"""
PRUNE = "DELETE FROM task WHERE state = ? AND coalesce(finished_at, listed_at) < ? RETURNING base_url, key"


def affix(text: str) -> dict[str, Value]:
    """The values of BY_AFFIX: the text as a range of beginnings and, read backwards, as a range of ends."""
    begin = plain(text)
    end = begin[::-1]
    return {"begin": begin, "begin_stop": begin + LAST, "end": end, "end_stop": end + LAST}


def listing(
    *,
    states: Collection[State] | None,
    profile: str | None,
    base_url: str | None,
    model: str | None,
    tag: str | None,
    since: datetime | None,
    limit: int | None,
) -> tuple[str, list[Value]]:
    """The question for the newest tasks of which all this is true, and its values."""
    source = "task"
    conditions = ["listed_at >= ?"]
    values: list[Value] = [EVER if since is None else stamp(since)]
    if tag is not None:
        source = "tag CROSS JOIN task ON task.row = tag.task"  # CROSS: the tag leads
        conditions.append("tag.tag = ?")
        values.append(plain(tag))
    for column, wanted in (("profile", profile), ("base_url", base_url), ("model", model)):
        if wanted is not None:
            conditions.append(f"{column} = ?")
            values.append(plain(wanted))
    question = f"SELECT {TASK} FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608 - as said above
    if states is not None:  # one sorted stream for each state, merged: no state is read to its end
        ordered = sorted(set(states))
        question = " UNION ALL ".join(f"{question} AND state = ?" for _ in ordered)
        values = [value for state in ordered for value in (*values, state)]
    return f"{question} {NEWEST} LIMIT ?", [*values, -1 if limit is None else limit]


def insert(values: Collection[str]) -> str:
    """The order to add a row with these columns."""
    return f"INSERT INTO task ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"  # noqa: S608 - as said above


def update(values: Collection[str]) -> str:
    """The order to change these columns of a row."""
    return f"UPDATE task SET {', '.join(f'{name} = :{name}' for name in values)} WHERE row = :row"  # noqa: S608 - as said above
