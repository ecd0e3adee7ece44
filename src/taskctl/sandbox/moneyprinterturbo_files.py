"""MoneyPrinterTurbo's files: what tasks have made, by three routes, and what clients have uploaded."""

from __future__ import annotations

import re
import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from taskctl.sandbox.answers import Problem, Refused, json_answer
from taskctl.sandbox.fate import State
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.reading import uploaded
from taskctl.sandbox.uploads import Upload, Uploads
from taskctl.sandbox.works import content, works

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.fate import Moment
    from taskctl.sandbox.provider import Provider
    from taskctl.sandbox.shelf import Record

__all__ = ["SERVER", "Files"]

SERVER = "/srv/mpt/storage"
_SOUNDS = {"mp3", "m4a", "aac", "wav", "flac", "ogg", "opus", "wma"}
_MATERIALS = {"mp4", "mov", "avi", "flv", "mkv", "jpg", "jpeg", "png"}
_MOST_SOUND_BYTES = 30 * 1024 * 1024
_TYPES = {"mp4": "video/mp4", "mp3": "audio/mpeg", "srt": "application/x-subrip"}


class Files:
    """The endpoints for files of the provider it is made for."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._sounds = Uploads(provider.shelf, "musics")
        self._materials = Uploads(provider.shelf, "materials")

    def routes(self) -> dict[str, Endpoint]:
        """Who answers what of the API."""
        return {
            "GET /api/v1/stream/{path:path}": self.stream,
            "GET /api/v1/download/{path:path}": self.download,
            "POST /api/v1/musics": self.add_sound,
            "GET /api/v1/musics": self.sounds,
            "POST /api/v1/video_materials": self.add_material,
            "GET /api/v1/video_materials": self.materials,
        }

    async def static(self, request: Request) -> Response:
        """A task's file as the folder serves it, to anybody."""
        task_id, name = request.path_params["task_id"], request.path_params["name"]
        record, data = self._read(task_id, name)
        if record is None or data is None:
            raise Refused(Problem.NO_ROUTE)
        content_type = _TYPES[name.rpartition(".")[2]]
        return self._provider.deliver(request, record, f"/tasks/{task_id}/{name}", data, content_type)

    async def stream(self, request: Request) -> Response:
        """A task's file, always as a part."""
        name, data = self._asked_for(request)
        return file_answer(request, data, _type(name), partial=True)

    async def download(self, request: Request) -> Response:
        """A task's file to keep."""
        name, data = self._asked_for(request)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return file_answer(request, data, _type(name), headers=headers)

    async def add_sound(self, request: Request) -> Response:
        """Keep a piece of music under a name of the server's own."""
        part = await uploaded(request)
        extension = _extension(part.name, _SOUNDS)
        if len(part.data) > _MOST_SOUND_BYTES:
            raise Refused(Problem.INVALID, "the file is larger than 30 MB", field="file")
        return self._keep(self._sounds, f"{uuid.uuid4()}.{extension}", part.data)

    async def add_material(self, request: Request) -> Response:
        """Keep a clip or a picture under its own name, in the place of an older one."""
        part = await uploaded(request)
        _extension(part.name, _MATERIALS)
        return self._keep(self._materials, PurePosixPath(part.name).name, part.data)

    async def sounds(self, _: Request) -> Response:
        """What music there is."""
        return _listed(self._sounds)

    async def materials(self, _: Request) -> Response:
        """What clips and pictures there are."""
        return _listed(self._materials)

    def _keep(self, uploads: Uploads, name: str, data: bytes) -> Response:
        now = self._provider.now()
        uploads.put(Upload(id=name, name=name, content_type="", size=len(data), created_at=now), data)
        return json_answer({"status": 200, "message": "success", "data": {"file": name}})

    def _asked_for(self, request: Request) -> tuple[str, bytes]:
        path = request.path_params["path"]
        if ".." in path.split("/") or path.startswith("/") or "\\" in path:
            raise Refused(Problem.FORBIDDEN)
        task_id, _, name = path.partition("/")
        _, data = self._read(task_id, name)
        if data is None:
            raise Refused(Problem.NOT_FOUND, "file not found")
        return name, data

    def _read(self, task_id: str, name: str) -> tuple[Record | None, bytes | None]:
        record = self._provider.find(task_id)
        return record, _made(record, self._provider.moment(record), name) if record else None


def _made(record: Record, stand: Moment, name: str) -> bytes | None:
    """A file of a task; while the task runs, as much of it as is written."""
    match = re.fullmatch(r"(final|combined)-(\d{1,3})\.mp4", name)
    place = int(match[2]) - 1 if match and record.operation == "videos" else 0
    if stand.state not in (State.RUNNING, State.COMPLETED, State.FORGOTTEN) or not 0 <= place < len(works(record)):
        return None
    if match and record.operation == "videos":
        story = record.prompt if match[1] == "final" else f"without sound: {record.prompt}"
        data = content(story, place, "mp4")
    elif name == "audio.mp3" or (name == "subtitle.srt" and record.operation != "audio"):
        data = content(record.prompt, 0, name.rpartition(".")[2])
    else:
        return None
    return data[: len(data) * stand.progress // 100] if stand.state is State.RUNNING else data


def _type(name: str) -> str:
    return f"video/{name.rpartition('.')[2]}"  # whatever it is


def _extension(name: str, allowed: set[str]) -> str:
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if extension not in allowed:
        raise Refused(Problem.INVALID, f"only {', '.join(sorted(allowed))} files", field="file")
    return extension


def _listed(uploads: Uploads) -> Response:
    files = [{"name": each.name, "size": each.size, "file": each.name} for each in uploads.all()]
    return json_answer({"status": 200, "message": "success", "data": {"files": files}})
