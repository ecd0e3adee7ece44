"""What `demo` tells: five providers, one failure, one cancellation, and files that a player opens."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskctl.cli import tables
from taskctl.cli.command import resuming
from taskctl.cli.shell import Shell
from taskctl.flow import ending, fetching, following, submitting
from taskctl.model import Role, State, Task
from taskctl.net.transfer import Target
from taskctl.wish import Wish

if TYPE_CHECKING:
    from taskctl.runtime import Runtime

FOLDER = Path("taskctl-demo")
"""Where the files go, in the working directory."""


NEXT = (
    'taskctl submit -P sandbox prompt="a dog on a beach" --wait --download',
    "taskctl list",
    "taskctl open @last",
    "taskctl profile add evolink   # with a key of your own",
)


@dataclass(frozen=True)
class Scene:
    """One submission of the story; its profile, model, prompt, and what is to become of it."""

    profile: str
    model: str | None
    prompt: str
    end: State = State.COMPLETED
    more: tuple[tuple[str, object], ...] = ()


SCENES = (
    Scene("sandbox-bytespike", "veo-3.1", "a film nobody waits for [takes 10m]", end=State.CANCELLED),
    Scene("sandbox-evolink", "gpt-image-1.5", "what nobody should draw [takes 3s] [moderated]", end=State.FAILED),
    Scene("sandbox-ephone", "kling-v3/text-to-video", "a harbour at dawn [takes 3s]", more=(("duration", "5"),)),
    Scene("sandbox-evolink", "seedance-2.0", "a glacier from above [takes 5s]", more=(("duration", 5),)),
    Scene("sandbox-bytespike", "sora-2", "a city at dusk [takes 4s]", more=(("duration_seconds", 8),)),
    Scene("sandbox-yescale", "flux-kontext[max]", "a sign that says OPEN LATE [takes 6s]"),
    Scene("sandbox-moneyprinterturbo", None, "why the sea is salty [takes 7s]"),
)
"""The last one completes, so that `@last` is something to look at."""


def tell(shell: Shell, runtime: "Runtime") -> None:
    """Show the whole story; it ends well when what it set out to show has happened."""
    output = shell.output
    runtime.need_history()
    try:
        output.note(f"1. Submit {len(SCENES)} tasks to five providers of the sandbox, each in its own dialect.")
        tasks = [runtime.run(submitting.submit(runtime, _wish(runtime, scene))) for scene in SCENES]
        for task in tasks:
            output.note(f"{task.profile:<26} {task.name}", indent=3)
        output.note("2. Cancel the one that would take ten minutes.")
        doomed = [task for task, scene in zip(tasks, SCENES, strict=True) if scene.end is State.CANCELLED]
        runtime.run(ending.cancel(runtime, doomed))
        output.note("3. Wait for all of them.")
        known = [runtime.history.find_in(task.base_url, task.id or "") or task for task in tasks]
        outcome = runtime.run(following.wait(runtime, known, following.Patience(timeout=60.0)))
        output.note(f"4. Download what completed into ./{FOLDER}/ .")
        completed = [task for task in outcome.tasks if task.state is State.COMPLETED]
        wanted = fetching.Fetching(target=Target(folder=FOLDER, if_exists="overwrite"))
        fetched = runtime.run(fetching.fetch(runtime, completed, wanted))
    except KeyboardInterrupt as stopped:
        raise resuming(stopped, "start again with: taskctl demo") from stopped
    done = {task.identity: task for task in fetched.tasks}
    shown = [done.get(task.identity, task) for task in outcome.tasks]
    output.tasks(shown, fetched.errors, now=runtime.clock.now(), plain=fetched.files)
    output.errors(fetched.errors)
    _say_what_next(shell, shown)
    for task, scene in zip(shown, SCENES, strict=True):
        if task.state is not scene.end:
            output.warn(f"{task.name} should be {scene.end} and is {task.state}: {tables.reason(task) or ''}")
            shell.exit(fetched.exit_code or outcome.exit_code)
    shell.exit(fetched.exit_code)


def _wish(runtime: "Runtime", scene: Scene) -> Wish:
    profile = runtime.profiles.named(scene.profile)
    operation = profile.dialect.operation(None, scene.model)
    return Wish(
        profile=profile, model=scene.model, input={operation.prompt: scene.prompt, **dict(scene.more)}, tags=("demo",)
    )


def _say_what_next(shell: Shell, tasks: list[Task]) -> None:
    files = [output.file for task in tasks for output in task.outputs if output.file and output.role is Role.RESULT]
    shell.output.note(f"{len(files)} files in ./{FOLDER}/ . One task failed and one was cancelled, as they should.")
    shell.output.note("")
    shell.output.note("What to type next:")
    for command in NEXT:
        shell.output.note(command, indent=3)
