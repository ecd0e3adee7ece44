"""The history: every task this user has submitted or looked at, and every submission before it leaves."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from taskctl.clock import Clock
from taskctl.errors import HistoryError, TaskNotFound
from taskctl.model import ENDED, State, Task
from taskctl.secret import redact
from taskctl.store import queries
from taskctl.store.database import Database, Row, Value
from taskctl.store.ledger import Ledger
from taskctl.store.merging import merged
from taskctl.store.recovery import opened
from taskctl.store.rows import decode, encode, plain, stamp
from taskctl.store.submission import Intent, Submission, begun, decode_submission, encode_intent


class History:
    """The local memory of tasks, safe to be used by many processes at once."""

    def __init__(self, database: Database, ledger: Ledger, *, clock: Clock) -> None:
        self._db = database
        self._ledger = ledger
        self._clock = clock

    @classmethod
    def open(cls, path: Path, *, clock: Clock) -> Self:
        """The history in this file, which is made if it is missing. `writable` says whether it can remember."""
        ledger = Ledger(path)
        return cls(opened(path, ledger, clock.now()), ledger, clock=clock)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._db.path

    @property
    def writable(self) -> bool:
        """Whether anything can be recorded; if not, nothing may be submitted."""
        return self._db.problem is None

    @property
    def problem(self) -> str | None:
        """Why nothing can be recorded."""
        return self._db.problem

    @property
    def news(self) -> Sequence[str]:
        """What was done when it was opened that somebody should know."""
        return self._db.news

    def intend(self, intent: Intent, *, in_flight: float) -> Submission:
        """Put an intent on record, on the disk when this returns; or the submission that already has its key."""
        now = self._clock.now()
        until = now + timedelta(seconds=in_flight)
        keys = {"base_url": plain(intent.base_url), "key": plain(intent.key), "wire_key": plain(intent.wire_key)}
        with self._db.writing(durable=True):
            known = self._db.row(queries.SAME_KEY, keys)
            if known is not None:
                return decode_submission(known)
            task = begun(intent, now=now)
            row = self._insert(task, encode_intent(intent) | {"in_flight_until": stamp(until)})
        try:
            self._ledger.intend(intent, now)
        except HistoryError:
            self.drop(row)
            raise
        return Submission(row=row, fresh=True, task=task, intent=intent, sent_at=now, in_flight_until=until)

    def bind(self, row: int, task: Task) -> Task:
        """The answer came: what was a submission is this task, on the disk when this returns."""
        if task.id is not None and task.key is not None:
            self._ledger.bound(task.base_url, task.key, task.id, self._clock.now())
        try:
            return self._bound(row, task)
        except HistoryError as error:
            raise HistoryError(
                f"{task.name} was accepted, but {error.message}",
                hint=f"it goes on; note its id, and follow it with: taskctl wait -P {task.profile} {task.name}",
                task=task.id,
            ) from error

    def _bound(self, row: int, task: Task) -> Task:
        with self._db.writing(durable=True):
            mine = self._db.row(queries.BY_ROW, (row,))
            known = self._by_identity(task)
            if mine is None or mine["id"] is not None:  # settled by another process, or removed
                return self._put(known, task)
            task = merged(decode(mine), task)
            if known is None:
                return self._put(mine, task)
            self._db.run(queries.INHERIT, {"row": known["row"], "mine": row})
            self._db.run("DELETE FROM task WHERE row = ?", (row,))
            return self._put(known, task)

    def touch(self, row: int, *, in_flight: float) -> bool:
        """We are sending it again. False if it is settled or gone."""
        with self._db.writing():
            return self._db.run(queries.TOUCH, self._flight(row, in_flight)) == 1

    def claim(self, row: int, *, in_flight: float) -> bool:
        """As `touch`, unless some process may be sending it right now: of two that claim, one is told yes."""
        with self._db.writing():
            return self._db.run(queries.CLAIM, self._flight(row, in_flight)) == 1

    def lost(self, row: int) -> None:
        """Nobody is sending it any more, and its answer was lost."""
        with self._db.writing():
            self._db.run("UPDATE task SET in_flight_until = NULL WHERE row = ?", (row,))

    def drop(self, row: int) -> None:
        """It provably never became a task: forget it, unless it has become one meanwhile."""
        with self._db.writing():
            mine = self._db.row(queries.BY_ROW, (row,))
            if mine is None or mine["id"] is not None:
                return
            self._db.run("DELETE FROM task WHERE row = ?", (row,))
        self._ledger.gone([(mine["base_url"], mine["key"])], self._clock.now())

    def submissions(self) -> list[Submission]:
        """Every submission whose answer is not known, newest first."""
        return [decode_submission(row) for row in self._db.rows(queries.UNCONFIRMED, (State.UNCONFIRMED,))]

    def count_lost(self) -> int:
        """How many submissions have no answer and will have none by themselves."""
        row = self._db.row(queries.LOST, (State.UNCONFIRMED, stamp(self._clock.now())))
        return 0 if row is None else int(row["count"])

    def submission(self, key: str, base_url: str | None = None) -> Submission | None:
        """The submission with this key, settled or not: the newest, should several providers have one."""
        row = self._db.row(queries.SUBMISSION, {"key": plain(key), "base_url": plain(base_url)})
        return None if row is None else decode_submission(row)

    def record(self, task: Task) -> Task:
        """What is known of this task after a look at it; nothing is written if nothing has changed."""
        return self.record_all([task])[0]

    def record_all(self, tasks: Sequence[Task]) -> list[Task]:
        """What is known of each of these tasks after a look at it, all of it written at once."""
        if not self.writable:
            return [task if (known := self._known(task)) is None else merged(decode(known), task) for task in tasks]
        with self._db.writing():
            return [self._put(self._known(task), task) for task in tasks]

    def find(self, text: str) -> list[Task]:
        """The tasks with this id, else with this key, else whose id or key begins or ends with it."""
        rows = self._db.rows(queries.BY_ID, (plain(text),)) or self._db.rows(queries.BY_KEY, {"key": plain(text)})
        if not rows and len(text) >= queries.SHORTEST:
            rows = self._db.rows(queries.BY_AFFIX, queries.affix(text))
        return [decode(row) for row in rows]

    def find_in(self, base_url: str, task_id: str) -> Task | None:
        """The task with this identity."""
        row = self._db.row(queries.BY_IDENTITY, (plain(task_id), plain(base_url)))
        return None if row is None else decode(row)

    def tasks(
        self,
        *,
        states: Collection[State] | None = None,
        profile: str | None = None,
        base_url: str | None = None,
        model: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        """The tasks of which all this is true, newest first."""
        if states is not None and not states:
            return []
        question, values = queries.listing(
            states=states, profile=profile, base_url=base_url, model=model, tag=tag, since=since, limit=limit
        )
        return [decode(row) for row in self._db.rows(question, values)]

    def last(self) -> Task | None:
        """The newest task."""
        return next(iter(self.tasks(limit=1)), None)

    def took(self, base_url: str, model: str | None, operation: str | None) -> list[float]:
        """How long the newest completed tasks of this kind took, in seconds."""
        return [row["took"] for row in self._db.rows(queries.TOOK, (plain(base_url), plain(model), plain(operation)))]

    def inputs(self, task: Task) -> tuple[dict[str, object], dict[str, str]]:
        """What a task was asked for, and where its local files are: pointer into the input, absolute path."""
        row = self._known(task)
        return (task.input, {}) if row is None else (decode(row).input, json.loads(row["files"] or "{}"))

    def export(self) -> Iterator[Task]:
        """Every task, oldest first, without holding them all."""
        return (decode(row) for row in self._db.stream(queries.EVERYTHING))

    def forget(self, tasks: Iterable[Task]) -> int:
        """Remove these tasks for good, all or none; how many there were.

        Raises:
            TaskNotFound: one of them is not here.
        """
        gone = []
        with self._db.writing():
            for task in tasks:
                row = self._known(task)
                if row is None:
                    hint = "nothing was forgotten; see: taskctl list"
                    raise TaskNotFound(f"the history does not know {task.name}", hint=hint, task=task.name)
                self._db.run("DELETE FROM task WHERE row = ?", (row["row"],))
                gone.append((row["base_url"], row["key"]))
        self._forgotten(gone)
        return len(gone)

    def prune(self, before: datetime) -> int:
        """Remove for good what had ended before this time; how many there were."""
        gone: list[tuple[str, str | None]] = []
        with self._db.writing():
            for state in sorted(ENDED):
                rows = self._db.rows(queries.PRUNE, (state, stamp(before)))
                gone += [(row["base_url"], row["key"]) for row in rows]
        self._forgotten(gone)
        return len(gone)

    def _forgotten(self, gone: Iterable[tuple[str, str | None]]) -> None:
        keyed = [(base_url, key) for base_url, key in gone if key is not None]
        self._ledger.gone(keyed, self._clock.now(), forget=True)
        self._db.clear_traces()

    def _by_identity(self, task: Task) -> Row | None:
        return self._db.row(queries.BY_IDENTITY, (plain(task.id), plain(task.base_url)))

    def _known(self, task: Task) -> Row | None:
        """The row of this task: by its identity, else the submission that has its key."""
        by_key = queries.SUBMISSION if task.id is None else queries.UNSETTLED
        return self._by_identity(task) or self._db.row(
            by_key, {"base_url": plain(task.base_url), "key": plain(task.key)}
        )

    def _put(self, known: Row | None, task: Task) -> Task:
        """Write what is new in a task into its row, and give what is true of it now."""
        if known is None:
            if task.id is None or redact(task.id) == task.id:  # else somebody took a key for an id
                self._insert(task, {})
            return task
        task = merged(decode(known), task)
        values = encode(task, before=known)
        if task.id is not None:  # settled: no one will send it again
            values |= {"in_flight_until": None, "body": None}
        changed = {name: value for name, value in values.items() if known[name] != value}
        if changed:
            self._db.run(queries.update(changed), changed | {"row": known["row"]})
        if "tags" in changed:
            self._tag(known["row"], task)
        return task

    def _insert(self, task: Task, more: dict[str, Value]) -> int:
        listed_at = stamp(task.submitted_at or self._clock.now())
        values = encode(task) | more | {"listed_at": listed_at}
        row = self._db.insert(queries.insert(values), values)
        self._tag(row, task)
        return row

    def _tag(self, row: int, task: Task) -> None:
        for tag in task.tags:
            self._db.run("INSERT OR IGNORE INTO tag VALUES (?, ?)", (row, plain(redact(tag))))

    def _flight(self, row: int, in_flight: float) -> dict[str, Value]:
        now = self._clock.now()
        return {"row": row, "now": stamp(now), "until": stamp(now + timedelta(seconds=in_flight))}
