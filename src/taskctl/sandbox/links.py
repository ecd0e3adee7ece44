"""Links to results, with an end date where the prompt asked for one."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskctl.sandbox.shelf import Record

__all__ = ["is_good", "link"]

_SECRET = b"the sandbox has no secrets"


def _signature(path: str, expires: str) -> str:
    return hmac.new(_SECRET, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()[:32]


def link(record: Record, path: str, now: float) -> str:
    """The link that an answer of this moment gives."""
    if record.directions.links_expire is None:
        return path
    expires = f"{now + record.directions.links_expire:.3f}"
    return f"{path}?expires={expires}&sig={_signature(path, expires)}"


def is_good(record: Record, path: str, query: Mapping[str, str], now: float) -> bool:
    """Whether a link still holds."""
    if record.directions.links_expire is None:
        return True
    expires = query.get("expires", "")
    return hmac.compare_digest(query.get("sig", "").encode(), _signature(path, expires).encode()) and now < float(
        expires
    )
