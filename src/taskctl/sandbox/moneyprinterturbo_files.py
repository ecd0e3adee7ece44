"""MoneyPrinterTurbo's files: what tasks have made, by three routes, and what clients have uploaded, by two."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from taskctl.sandbox.answers import Problem, Refused, json_answer
from taskctl.sandbox.api import Desk
from taskctl.sandbox.fate import State
from taskctl.sandbox.provider import Provider
from taskctl.sandbox.ranges import file_answer
from taskctl.sandbox.reading import uploaded
from taskctl.sandbox.uploads import Upload, Uploads
from taskctl.sandbox.works import content

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from taskctl.sandbox.api import Endpoint
    from taskctl.sandbox.shelf import Record

__all__ = ["MoneyPrinterTurboFiles", "file_count"]
