"""The room that reads graphs of other writers can be deleted: one line names it."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from saveproof import reference_impl

ROOT = Path(reference_impl.__file__).parent
ROOM = Path("saving/savedmodel/graph_import")
ENTRY = Path("saving/model_files.py")

PROGRAM = """
from saveproof import reference_impl as keras
import numpy as np

class Doubled(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs) * 2.0

print(keras.__file__)
data = np.ones((4, 3), np.float32)
stack = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
for name, model in {"stack": stack, "doubled": Doubled()}.items():
    expected = model.predict(data)
    model.save(name)
    loaded = keras.models.load_model(name)
    assert (loaded.predict(data) == expected).all()
    print(type(loaded).__name__)
"""


def importing(folder: Path) -> list[Path]:
    """Return the files outside the room that import from it."""
    name = ".".join(("saveproof.reference_impl", *ROOM.parts))
    return [
        file.relative_to(folder)
        for file in sorted(folder.rglob("*.py"))
        if not file.is_relative_to(folder / ROOM)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and any(f"{node.module}.{one.name}.".startswith(f"{name}.") for one in node.names)
    ]


def without_room(text: str) -> str:
    """Return the source of the entry point with nothing registered."""
    lines = [line for line in text.splitlines() if ".graph_import." not in line]
    given = "partial(load_saved_model, graph_import=config_of_graph)"
    return "\n".join(lines).replace(given, "load_saved_model")


def test_one_module_names_the_room():
    assert importing(ROOT) == [ENTRY]


def test_own_saved_models_need_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / "saveproof" / "reference_impl"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "saveproof" / "__init__.py").touch()
    shutil.rmtree(copy / ROOM)
    entry = copy / ENTRY
    entry.write_text(without_room(entry.read_text(encoding="utf-8")), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=False, cwd=tmp_path, text=True
    )

    assert importing(copy) == []
    assert done.stderr == ""
    assert done.stdout.split() == [str(copy / "__init__.py"), "Sequential", "Revived"]
