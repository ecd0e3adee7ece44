"""The sandbox and the dialects, written apart from the same facts, mean the same by every state."""

import pytest

from taskctl.dialects.load import shipped
from taskctl.sandbox.server import Sandbox
from tests.inside import Inside, checked

STATES = {
    "[takes 1ms]": "completed",
    "[takes 1ms] [no outputs]": "completed",
    "[takes 1ms] [fails]": "failed",
    "[takes 1ms] [fails: too dark]": "failed",
    "[takes 1ms] [moderated]": "failed",
    "[takes 1ms] [cancelled]": "cancelled",
    "[stays queued]": "queued",
    "[takes 1ms] [stays running]": "running",
    "[unknown state]": "unknown",
}
ELSEWHERE = {
    ("ephone", "[takes 1ms] [cancelled]"): "completed",  # these two have no such state
    ("moneyprinterturbo", "[takes 1ms] [cancelled]"): "completed",
    ("moneyprinterturbo", "[stays queued]"): "running",  # the server of July 2026 says 4 for both
}
MODELS = {"ephone": "kling", "evolink": "seedance-2.0", "bytespike": "sora-2", "yescale": "grok-video"}


@pytest.mark.parametrize("dialect", shipped())
def test_every_state_is_read_as_it_is_meant(inside: Inside, sandbox: Sandbox, dialect: str) -> None:
    inside.environ |= {"TASKCTL_BASE_URL": f"{sandbox.url}/{dialect}", "TASKCTL_API_KEY": "key-of-the-test"}
    model = ["-m", MODELS[dialect]] if dialect in MODELS else []
    read, meant = {}, {}
    for words, state in STATES.items():
        id_ = inside("submit", "-P", dialect, *model, "-p", f"a dog {words}").lines[0]
        (task,) = checked(inside("status", id_, "-o", "json"))
        read[words], meant[words] = task["state"], ELSEWHERE.get((dialect, words), state)
        assert (task["error"] is not None) == (task["state"] == "failed") or task["state"] == "cancelled"
        if "too dark" in words and task["state"] == "failed":
            assert "too dark" in task["error"]["message"]
        videos = [output for output in task["outputs"] if output["kind"] == "video"]
        # at MoneyPrinterTurbo a task without its video still has the audio and the subtitle it was to be made of
        found = videos if dialect == "moneyprinterturbo" else task["outputs"]
        assert bool(found) == (task["state"] == "completed" and "no outputs" not in words)
    assert read == meant
