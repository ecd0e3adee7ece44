"""Operations, uploads, keys and abilities of a dialect."""

import uuid

import pytest

from taskctl.dialects.dialect import KEYS
from taskctl.dialects.load import Dialects, shipped
from taskctl.errors import UsageError
from taskctl.model import Kind
from tests.dialects.small import small

THREE = (
    "",
    """
[operations.video]
models = ["*video*"]
kind = "video"

[operations.image]
default = true
models = ["*image*", "Flux*"]
request = "POST /v1/images"
prompt = "description"
every = 2

[operations.audio]
models = ["*audio*"]
body = "{model: model, params: input, hook: callback_url}"
model = "optional"
headers = { X-Kind = "audio" }
id = "ticket"
""",
)


@pytest.mark.parametrize(
    ("named", "model", "chosen"),
    [
        (None, None, "image"),
        (None, "unheard-of", "image"),
        (None, "wan-image-to-video", "video"),
        (None, "FLUX-2", "image"),
        (None, "my-audio", "audio"),
        ("audio", "wan-image-to-video", "audio"),
        ("video", None, "video"),
    ],
)
def test_an_operation_is_named_or_follows_from_the_model_or_is_the_default(
    named: str | None, model: str | None, chosen: str
) -> None:
    assert small(THREE).operation(named, model).name == chosen


def test_an_operation_that_does_not_exist_is_a_usage_error_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="small has no operation 'film'") as caught:
        small(THREE).operation("film", None)
    assert caught.value.hint == "it has video, image, audio"
    with pytest.raises(UsageError) as caught:
        small().operation("film", None)
    assert caught.value.hint == "it has none that could be named"


def test_an_operation_inherits_from_submit_what_it_leaves_out() -> None:
    operations = small(THREE).operations
    assert [one.call.path.text for one in operations.values()] == ["/v1/jobs", "/v1/images", "/v1/jobs"]
    assert [one.prompt for one in operations.values()] == ["prompt", "description", "prompt"]
    assert [one.model for one in operations.values()] == ["required", "required", "optional"]
    assert [one.kind for one in operations.values()] == [Kind.VIDEO, None, None]
    assert [one.every for one in operations.values()] == [5.0, 2.0, 5.0]
    assert [one.takes_callback for one in operations.values()] == [False, False, True]
    assert [{*one.call.headers} for one in operations.values()] == [set(), set(), {"X-Kind"}]


def test_without_operations_there_is_one_without_a_name() -> None:
    only = small().operation(None, "m")
    assert (only.name, only.call.method, only.every) == (None, "POST", 5.0)


def test_a_callback_counts_only_where_the_variable_is_meant() -> None:
    assert "callback" not in small().abilities
    assert "callback" not in small(("input: input", "input: input.callback_url")).abilities
    assert "callback" in small(("input: input", "input: input, hook: callback_url")).abilities
    assert "callback" in small(('/v1/jobs"\nbody', '/v1/jobs?hook={callback_url}"\nbody')).abilities
    assert "callback" in small(THREE).abilities


def test_the_first_upload_whose_glob_matches_takes_the_file() -> None:
    uploads = """
[[upload]]
fields = ["image*", "mask"]
request = "POST /v1/images"
value = "url"

[[upload]]
fields = ["*"]
request = "POST /v1/files"
value = "id"
"""
    dialect = small(("", uploads))
    taken = {field: dialect.upload_for(field) for field in ("image_url", "images[]", "mask", "sound")}
    assert {field: found[0].value for field, found in taken.items() if found} == {
        "image_url": "url",
        "images[]": "url",
        "mask": "url",
        "sound": "id",
    }
    assert small().upload_for("image") is None


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        (None, "anything-printable/goes", True),
        (None, "x" * 255, True),
        (None, "x" * 256, False),
        (None, "two words", False),
        (None, "line\nbreak", False),
        (None, "clé", False),
        (None, "\ud800", False),
        (None, "", False),
        ("[a-z0-9-]{1,64}", "fits-1", True),
        ("[a-z0-9-]{1,64}", "FITS-NOT", False),
        ("[a-z0-9-]{1,64}", "fits-1\n", False),
    ],
)
def test_a_key_that_does_not_fit_goes_over_the_wire_as_its_uuid(pattern: str | None, key: str, fits: bool) -> None:
    dialect = small(("[query]", f'key_pattern = "{pattern}"\n[query]')) if pattern else small()
    on_the_wire = dialect.wire_key(key)
    assert (on_the_wire == key) is fits
    assert on_the_wire == dialect.wire_key(key)
    if not fits:
        assert uuid.UUID(on_the_wire).version == 5


def test_the_name_space_of_keys_never_changes() -> None:
    assert small().wire_key("two words") == str(uuid.uuid5(KEYS, "two words")) == "0ec32576-4fa5-51f3-9a15-07832945e516"


def test_abilities_are_what_the_file_has_tables_for() -> None:
    assert {name: sorted(Dialects().get(name).abilities) for name in shipped()} == {
        "bytespike": ["callback", "cancel", "cancel_by_key", "check", "query_by_key", "stream"],
        "ephone": ["callback", "check"],
        "evolink": ["batch", "callback", "check", "list", "upload"],
        "moneyprinterturbo": ["check", "delete", "list", "upload"],
        "sandbox": ["batch", "callback", "cancel", "check", "delete", "list", "query_by_key", "stream", "upload"],
        "yescale": ["callback", "check"],
    }


@pytest.mark.parametrize(
    ("name", "model", "operation"),
    [
        ("evolink", "seedance-2.0", "video"),
        ("evolink", "seedance-1.5-image-to-video", "video"),
        ("evolink", "doubao-seedream-4.0", "image"),
        ("evolink", "gemini-2.5-flash-image", "image"),
        ("evolink", "nano-banana-2", "image"),
        ("evolink", "suno-v4.5", "audio"),
        ("bytespike", "sora-2-pro", "video"),
        ("bytespike", "gpt-image-1", "image"),
        ("bytespike", "kling-image-to-video", "video"),
        ("yescale", "flux-kontext[max]", "media"),
        ("yescale", "suno_music", "music"),
        ("yescale", "suno_lyrics", "lyrics"),
        ("yescale", "chirp-v4", "music"),
        ("ephone", "kling-v3/text-to-video", "media"),
        ("moneyprinterturbo", None, "video"),
        ("sandbox", "sandbox-video", None),
    ],
)
def test_a_model_goes_to_the_endpoint_that_makes_such_things(
    name: str, model: str | None, operation: str | None
) -> None:
    assert Dialects().get(name).operation(None, model).name == operation
