"""Which fields MoneyPrinterTurbo's submits know, and what it takes for a value of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskctl.sandbox.answers import Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["check_fields"]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    """Numbers and what reads as one: this server coerces."""
    try:
        float(value)  # type: ignore[arg-type] # anything else is a TypeError
    except (TypeError, ValueError):
        return False
    return True


def _is_whole(value: object) -> bool:
    return _is_number(value) and float(value).is_integer()  # type: ignore[arg-type] # it is a number


def _is_flag(value: object) -> bool:
    return isinstance(value, bool) or str(value).lower() in {"0", "1", "true", "false", "yes", "no", "on", "off"}


def _one_of(*allowed: str) -> Callable[[object], bool]:
    return lambda value: value in allowed


def _is_text_or_list(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_VOICE: dict[str, Callable[[object], bool]] = {
    "video_script": _is_text,
    "video_language": _is_text,
    "voice_name": _is_text,
    "voice_volume": _is_number,
    "voice_rate": _is_number,
    "bgm_type": _is_text,
    "bgm_file": _is_text,
    "bgm_volume": _is_number,
}
_VIDEO: dict[str, Callable[[object], bool]] = {
    **_VOICE,
    "video_subject": _is_text,
    "video_terms": _is_text_or_list,
    "video_aspect": _one_of("16:9", "9:16", "1:1"),
    "video_concat_mode": _one_of("random", "sequential"),
    "video_transition_mode": _one_of("Shuffle", "FadeIn", "FadeOut", "SlideIn", "SlideOut"),
    "video_clip_duration": _is_whole,
    "video_count": _is_whole,
    "video_source": _is_text,
    "video_materials": _is_list_of_objects,
    "subtitle_enabled": _is_flag,
    "subtitle_position": _is_text,
    "custom_position": _is_number,
    "font_name": _is_text,
    "font_size": _is_whole,
    "text_fore_color": _is_text,
    "text_background_color": lambda value: isinstance(value, (bool, str)),
    "stroke_color": _is_text,
    "stroke_width": _is_number,
    "n_threads": _is_whole,
    "paragraph_number": _is_whole,
}
_SUBTITLE: dict[str, Callable[[object], bool]] = {**_VOICE, "subtitle_enabled": _is_text}

_FIELDS = {"videos": _VIDEO, "audio": _VOICE, "subtitle": _SUBTITLE}
_REQUIRED = {"videos": "video_subject", "audio": "video_script", "subtitle": "video_script"}


def check_fields(body: Mapping[str, Any], operation: str) -> None:
    """Refuse a body that lacks its one required field, or has one of the wrong type."""
    required = _REQUIRED[operation]
    if required not in body:
        raise Refused(Problem.INVALID, "Field required", code="missing", field=required)
    for name, fits in _FIELDS[operation].items():
        value = body.get(name)
        if (value is None and name == required and name in body) or (value is not None and not fits(value)):
            raise Refused(Problem.INVALID, "Input has the wrong type", code="type_error", field=name)
