"""Public names that are loaded on first use: each exists where it is said to be, and type checkers are told the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

LAZY = ["inorder", "inorder.nn"]
NAMES = [(package, name) for package in LAZY for name in import_module(package)._HOME]


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_name_is_defined_in_its_home(package, name):
    module = import_module(package)
    home = f"{package}.{module._HOME[name]}"
    value = getattr(module, name)
    assert value is getattr(import_module(home), name)
    assert getattr(value, "__module__", home) == home, "its home is where it is defined, not a module that imports it"
    assert name in dir(module) and name in module.__all__


@pytest.mark.parametrize("package", LAZY)
def test_type_checkers_are_told_the_same(package):
    module = import_module(package)
    stub = ast.parse(Path(module.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    told = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.asname: node.module for alias in node.names}
    wanted = {name: f"{package}.{home}" for name, home in module._HOME.items()}
    assert told == wanted | dict.fromkeys(getattr(module, "_PARTS", ()), package)


@pytest.mark.parametrize("package", LAZY)
def test_an_unknown_name_is_refused(package):
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'LSTMM'"):
        import_module(package).LSTMM  # noqa: B018


def test_layers_load_torch_on_first_use_alone():
    code = "import sys, inorder.nn; assert 'torch' not in sys.modules; inorder.nn.TCN; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
