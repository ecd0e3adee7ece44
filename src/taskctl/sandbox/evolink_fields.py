"""Which fields EvoLink's submits know, and what each must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskctl.sandbox.answers import Problem, Refused
from taskctl.sandbox.reading import member, optional

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_audio", "check_flat", "check_image", "check_video"]


def check_flat(body: Mapping[str, Any]) -> None:
    """Refuse parameters that stand in an object of their own."""
    for name in ("input", "params", "config"):
        if isinstance(body.get(name), dict):
            raise Refused(Problem.INVALID, f"unknown parameter {name}: parameters stand beside model", field=name)


def check_video(body: Mapping[str, Any]) -> None:
    """Refuse what no video can be made of."""
    optional(body, "duration", int)
    optional(body, "generate_audio", bool)
    _check_texts(body, "quality", "aspect_ratio")
    _check_lists(body, "image_urls", "video_urls", "audio_urls")


def check_image(body: Mapping[str, Any]) -> None:
    """Refuse what no image can be made of."""
    _check_texts(body, "size", "mask_url")
    _check_lists(body, "image_urls")
    _check_within(body, "n", 1, 4)


def check_audio(body: Mapping[str, Any]) -> None:
    """Refuse what no music can be made of; in custom mode it needs a style and a title."""
    custom = member(body, "custom_mode", bool)
    member(body, "instrumental", bool)
    if custom:
        member(body, "style", str)
        member(body, "title", str)
    _check_texts(body, "style", "title", "negative_tags")
    if body.get("vocal_gender") not in (None, "m", "f"):
        raise Refused(Problem.INVALID, "vocal_gender must be m or f", field="vocal_gender")
    _check_within(body, "duration", 30, 240)


def _check_texts(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        optional(body, name, str)


def _check_lists(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not all(isinstance(item, str) for item in optional(body, name, list) or ()):
            raise Refused(Problem.INVALID, f"{name} must hold strings", field=name)


def _check_within(body: Mapping[str, Any], name: str, least: int, most: int) -> None:
    value = optional(body, name, int)
    if value is not None and not least <= value <= most:
        raise Refused(Problem.INVALID, f"{name} must be from {least} to {most}", field=name)
