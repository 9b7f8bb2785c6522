"""A saved model: one directory that holds everything needed to run it.

    model.json            task, model, settings, versions, what it was trained on, scores with their signatures
    weights.safetensors   every number
    *.txt                 vocabularies and other lists, as text
    report.html           for people

Written under a temporary name and renamed, so that a bundle is there whole or not at all. Reading runs nothing: JSON and
safetensors hold only data, sizes are bounded, and what the JSON names is looked up in our own lists, never imported.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inorder.errors import BundleError

FORMAT = 1
LARGEST_JSON = 64 * 1024**2  # bytes


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds, before anybody makes a model of it.

    model: the JSON object, with at least `task` and `model`.   weights: named arrays.   texts: file name -> text.
    parts: folder below -> a bundle of its own (the other candidates of a comparison).
    """

    model: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    texts: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Bundle] = field(default_factory=dict)
    path: Path | None = None


def write_bundle(path: str | Path, bundle: Bundle) -> Path:
    """Save `bundle` as the directory `path`, whole or not at all; an older bundle there is replaced, anything else is refused."""
    path = Path(path)
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        _fill(fresh, bundle)
        fresh.chmod(0o777 & ~umask())
        replace_directory(fresh, path)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return path


def _fill(folder: Path, bundle: Bundle) -> None:
    from safetensors.numpy import save_file

    header = {"format": FORMAT, "versions": {name: version(name) for name in ("inorder", "numpy")}, "files": sorted(bundle.texts), **bundle.model}
    weights = folder / "weights.safetensors"
    (folder / "model.json").write_text(json.dumps(header, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    save_file({name: np.ascontiguousarray(array) for name, array in bundle.weights.items()}, weights)
    weights.chmod(0o666 & ~umask())  # safetensors makes it readable for its owner alone
    for name, text in bundle.texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, part in bundle.parts.items():
        (folder / name).mkdir(parents=True)
        _fill(folder / name, part)


OURS = {"model.json", "weights.safetensors", "report.html", "candidates"}  # names that a bundle's folder may hold, beside those that its header lists


def check_replaceable(path: Path) -> None:
    """Raises BundleError, saying why, where `path` must not be overwritten: it is no folder, no bundle of ours, or holds other people's files."""
    if not path.exists():
        return
    if not path.is_dir():
        raise BundleError(f"{path} exists and is a file. Choose another name for the folder.")
    names = sorted(file.name for file in path.iterdir())
    if not names:
        return
    try:
        header = read_header(path)
    except BundleError as error:
        raise BundleError(f"{path} exists and is not a bundle of ours, so it is not replaced. ({error}) Choose another folder.") from None
    foreign = [name for name in names if name not in OURS and name not in header.get("files", ())]
    if foreign:
        raise BundleError(f'{path} exists and holds "{foreign[0]}", which is not ours. Choose another folder, or move that file away.')


def replace_directory(fresh: Path, path: Path) -> None:
    """Put the finished directory `fresh` in the place of `path`."""
    if not path.exists():
        fresh.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    os.replace(path, old)  # a directory may replace an empty one
    try:
        fresh.rename(path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old)


def read_bundle(path: str | Path) -> Bundle:
    """Read the directory `path`.   Raises BundleError, naming the file, for anything missing, damaged or unknown."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    model, weights = read_header(path), path / "weights.safetensors"
    if not weights.is_file():
        raise BundleError(f"{path} is not a bundle: it has no {weights.name}.")
    try:
        arrays = load_file(weights)
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise BundleError(f"{weights} is damaged: {error}.") from None
    texts = {file.name: file.read_text(encoding="utf-8", errors="strict") for file in sorted(path.glob("*.txt"))}
    return Bundle(model, arrays, texts, path=path)


def read_header(path: Path) -> dict[str, Any]:
    """The object in a bundle's model.json, checked for being one of ours."""
    header = path / "model.json"
    if not header.is_file():
        raise BundleError(f"{path} is not a bundle: it has no {header.name}.")
    if header.stat().st_size > LARGEST_JSON:
        raise BundleError(f"{header} has {header.stat().st_size:,} bytes; a bundle's header has at most {LARGEST_JSON:,}.")
    try:
        model = json.loads(header.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{header} is not readable JSON: {error}.") from None
    if not isinstance(model, dict) or not isinstance(model.get("task"), str) or not isinstance(model.get("model"), str):
        raise BundleError(f'{header} is not the header of a bundle: it needs the texts "task" and "model".')
    if model.get("format") != FORMAT:
        raise BundleError(f"{header} has format {model.get('format')!r}; this version of inorder reads format {FORMAT}.")
    return model


def umask() -> int:
    """The permissions that new files of this process do not get."""
    mask = os.umask(0o077)  # the system has no way to ask but to set
    os.umask(mask)
    return mask
