"""Reads what a task has brought: URLs and texts, each once, with kind and role."""

from collections.abc import Mapping
from dataclasses import replace

from taskctl.dialects import values
from taskctl.dialects.expressions import Finder
from taskctl.dialects.format import Download, TaskFields
from taskctl.dialects.templates import Template
from taskctl.model import Kind, Output, Role

MEMBERS = ("url", "text", "kind", "role", "content_type", "duration_seconds", "expires_at")
"""What an item may say of itself; others serve to build its URL."""


class OutputReader:
    """Reads outputs by the `[task]` and `[download]` tables of a dialect."""

    def __init__(self, fields: TaskFields, download: Download) -> None:
        self._first = Finder(fields.outputs)
        self._else = Finder(fields.outputs_else)
        self._kind = Finder(fields.kind)
        self._built = Template(download.url) if download.url else None

    def read(self, task: object, id_: str | None, kind: Kind | None) -> tuple[Output, ...]:
        """The outputs of a task, results first. `kind` is theirs where neither they nor the answer tell."""
        fallback = self._kind.first(task, values.kind) or kind
        merged = self._merged(self._first, task, id_, fallback) or self._merged(self._else, task, id_, fallback)
        ranked = sorted(merged.values(), key=lambda output: output.role is Role.EXTRA)
        return tuple(replace(output, index=place) for place, output in enumerate(ranked))

    def _merged(self, finder: Finder, task: object, id_: str | None, fallback: Kind | None) -> dict[str, Output]:
        """What the finder finds, by URL or text: a URL that is mentioned twice is one output."""
        merged: dict[str, Output] = {}
        for item in finder.all(task):
            found: Mapping[str, object] = item if isinstance(item, dict) else {"url": item}
            output = _output(found, self._url(found, id_), fallback)
            if output is not None:
                same = output.url or f"text:{output.text}"
                merged[same] = _filled(merged[same], output) if same in merged else output
        return merged

    def _url(self, item: Mapping[str, object], id_: str | None) -> str | None:
        said = _url(item.get("url"))
        if said is not None or self._built is None or item.get("text") is not None:
            return said
        members = {name: values.text(value) for name, value in item.items()} | {"id": id_}
        if any(members.get(name) is None for name in self._built.names):
            return None
        try:
            return self._built.path(members)
        except ValueError:  # a name that would lead to another path, or one that UTF-8 cannot hold
            return None


def _url(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _output(item: Mapping[str, object], url: str | None, fallback: Kind | None) -> Output | None:
    written = item.get("text")
    text = written if isinstance(written, str) and written.strip() else None
    if url is None and text is None:
        return None
    kind = values.kind(item.get("kind")) or values.kind(item.get("content_type")) or (url and values.kind_of_url(url))
    return Output(
        index=0,
        kind=kind or (Kind.TEXT if url is None else fallback or Kind.FILE),
        role=Role.EXTRA if item.get("role") == Role.EXTRA else Role.RESULT,
        url=url,
        text=text,
        content_type=values.word(item.get("content_type")),
        duration_seconds=values.span(item.get("duration_seconds")),
        expires_at=values.moment(item.get("expires_at")),
    )


def _filled(first: Output, again: Output) -> Output:
    """The output with what a second mention of it adds."""
    return replace(
        first,
        kind=again.kind if first.kind is Kind.FILE else first.kind,
        content_type=first.content_type or again.content_type,
        duration_seconds=first.duration_seconds if first.duration_seconds is not None else again.duration_seconds,
        expires_at=first.expires_at or again.expires_at,
    )
