"""How many mistakes the tests of the submit decision notice: mutmut changes it in every way it knows, one at a time.

    pip install mutmut
    python bench/mutants.py

The decision what to do after an attempt to submit is the one that costs money (`net/submitting.py`). This copies the
project to a folder of its own, mutates that module, and runs its tests against each mutant.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULE, TESTS = "src/taskctl/net/submitting.py", "tests/net/test_submitting.py"
CONFIG = f"""
[tool.mutmut]
source_paths = ["{MODULE}"]
pytest_add_cli_args_test_selection = ["{TESTS}"]
also_copy = ["src", "tests"]
"""


def main() -> None:
    """Print how many mutants there were and how many the tests noticed."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "README.md", folder)
        (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + CONFIG)
        command = [str(Path(sys.executable).parent / "mutmut"), "run"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    last = re.findall(r"(\d+)/(\d+)\s+🎉 (\d+)", done.stdout)
    if not last or last[-1][0] != last[-1][1]:
        sys.exit(f"mutmut did not finish:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    _, count, noticed = map(int, last[-1])
    print(f"{MODULE}: {noticed} of {count} mutants noticed, {noticed / count:.0%}")


if __name__ == "__main__":
    main()
