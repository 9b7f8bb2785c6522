"""How long a user waits for the command line to say anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.case import Case, Program, Target, last_line, require, timed

HEAVY = ("torch", "scipy", "polars", "pandas", "matplotlib")
VERBS = ("compare", "fit", "predict", "evaluate", "data", "models", "lecture")
BARE = "python -c pass"


def start(quick: bool) -> list[Case]:
    """`inorder --help` and `import inorder` beside a bare interpreter of the same environment."""
    bare = command(sys.executable, "-c", "pass")
    repeats = 5 if quick else 31
    return [
        Case("--help", {}, {"inorder --help": command(*inorder_command(), "--help"), BARE: bare}, check_help, [Target("time", 15, against=BARE)], repeats),
        Case("import", {}, {"import inorder": command(sys.executable, "-c", "import inorder"), BARE: bare}, check_import, repeats=repeats),
    ]


def inorder_command() -> list[str]:
    """The installed command of this environment; where the package is not installed, the module that it would run."""
    script = Path(sys.executable).with_name("inorder")
    return [str(script)] if script.exists() else [sys.executable, "-c", "from inorder.cli import main; main()"]


def command(*words: str) -> Program:
    """A program that runs a command and waits for its end."""
    return timed(lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True), at_least=0)


def check_help() -> dict[str, str]:
    done = subprocess.run([*inorder_command(), "--help"], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"`inorder --help` ended with {done.returncode}: {last_line(done.stderr)}")
    absent = [verb for verb in VERBS if verb not in done.stdout]
    require(not absent, f"`inorder --help` does not mention {', '.join(absent)}.")
    return {"verbs shown": ", ".join(VERBS)} | loaded(
        "import sys; sys.argv = ['inorder', '--help']\nfrom inorder.cli import main\ntry: main()\nexcept SystemExit: pass"
    )


def check_import() -> dict[str, str]:
    return loaded("import inorder")


def loaded(code: str) -> dict[str, str]:
    """Refuse where a heavy package is imported by `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    heavy = sorted(set(HEAVY) & set(modules))
    require(not heavy, f"it imports {', '.join(heavy)}, which it must not.")
    return {"modules imported": str(len(modules))}
