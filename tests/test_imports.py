"""What is imported where: a light start, a textbook that needs only NumPy, and README and CI that give the same commands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "scipy", "polars", "matplotlib", "pandas"}

START = {
    "import inorder": "import inorder",
    "import inorder.errors": "import inorder.errors",
    "inorder --help": "import sys; sys.argv = ['inorder', '--help']; from inorder.cli import main; main()",
    "inorder compare --help": "import sys; sys.argv = ['inorder', 'compare', '--help']; from inorder.cli import main; main()",
    "inorder models": "import sys; sys.argv = ['inorder', 'models']; from inorder.cli import main; main()",
}


@pytest.mark.parametrize("code", START.values(), ids=START.keys())
def test_a_light_start(code):
    """Whatever the command ends with, the modules that it loaded are printed last."""
    program = f"import atexit, sys; atexit.register(lambda: print('\\nloaded:', *sorted(sys.modules)))\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    modules = set(done.stdout.rpartition("\nloaded: ")[2].split())
    assert "inorder" in modules and not HEAVY & modules


def imports(path: Path) -> set[str]:
    """The full names of all modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found.add(node.module or "")
    return found


def test_the_textbook_imports_numpy_and_the_standard_library_alone():
    files = sorted((ROOT / "inorder" / "textbook").glob("*.py"))
    assert len(files) > 5
    for path in files:
        for name in imports(path):
            allowed = name.split(".")[0] in sys.stdlib_module_names | {"numpy"} or name.startswith("inorder.textbook")
            assert allowed, f"{path.name} imports {name}"


def shell_commands(text: str) -> list[str]:
    """The lines of the shell blocks of a Markdown page."""
    return [line for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines() if line.strip()]


def test_ci_runs_the_commands_of_the_readme():
    installs = [line for line in shell_commands((ROOT / "README.md").read_text(encoding="utf-8")) if line.startswith("pip install")]
    assert installs == [
        "pip install -c constraints.txt -e . && inorder compare forecast air-passengers --horizon 12",
        'pip install -c constraints.txt -e ".[dev]" && scripts/test',
    ]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for line in installs:
        assert line in ci, f"not in .ci/run: {line}"


def test_everything_in_constraints_is_pinned_exactly_and_from_no_place_in_particular():
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert "torch==2.13.0" in lines and len(lines) > 100
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line


def test_every_dependency_is_pinned():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    plain = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=]", name)[0]).lower() for name in wanted}
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert not plain - pinned
