"""How the project reads: what STYLE asks for and no linter can hold."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("conformance", "reference_impl", "reports", "strategies")
PROGRAMS = ("benchmarks", "examples", "faults", "saveproof")
LINE = 100

FRAMEWORKS = frozenset({"jax", "keras", "tensorflow", "tf_keras", "torch"})
SLOW = FRAMEWORKS | {"h5py", "hypothesis", "numpy", "pytest"}
"""What `saveproof --help` must not wait for."""

LONGEST = 300
TOO_LONG = frozenset(
    {
        "reference_impl/initializers.py",
        "reports/findings.py",
        "strategies/case.py",
        "strategies/catalogue/entries.py",
        "strategies/catalogue/values.py",
        "strategies/layers.py",
        "tests/conformance/test_repro.py",
        "tests/reference_impl/test_autodiff.py",
        "tests/reference_impl/test_keras_files.py",
        "tests/reference_impl/test_layers_tf_keras.py",
        "tests/reference_impl/test_optimizers.py",
        "tests/reference_impl/test_saving.py",
        "tests/reports/conftest.py",
    }
)
"""Files that are to be split: the list may only become shorter."""

IMPORTERS = frozenset({"__import__", "exec_module", "import_module", "run_module", "run_path"})
IMPORTED_BY_NAME = {
    "conformance/families/keras/keras_api.py": "a subject says which module has its framework",
    "conformance/families/keras/own_files.py": "a user names the file of their own model",
    "conformance/families/subjects.py": "a subject is named on the command line, anyone's",
    "conformance/processes/serving.py": "a child process is told which function it runs",
}
"""Where a name decides at run time what is imported, or a string names a module of ours."""

IMPORTED_WITHIN = {
    "conformance/cli.py": "help comes at once: each command imports what it needs",
    "conformance/command_options.py": "help comes at once: an option imports what its value needs",
    "conformance/known_commands.py": "help comes at once: each command imports what it needs",
    "conformance/report_commands.py": "help comes at once: each command imports what it needs",
}
"""Where a function imports what is no framework."""


def sources(*folders: str) -> list[Path]:
    """Return the Python files of the folders."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def relative(file: Path) -> str:
    """Return the file's place in the project."""
    return file.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    """Return the file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"))


def length(file: Path) -> int:
    """Return the number of the file's lines, its imports at the top left out."""
    imports = [n for n in parsed(file).body if isinstance(n, ast.Import | ast.ImportFrom)]
    lines = file.read_text(encoding="utf-8").splitlines()
    return len(lines) - sum((n.end_lineno or n.lineno) - n.lineno + 1 for n in imports)


def definitions(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """Yield the public classes and functions that stand in the node itself."""
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and not inner.name.startswith("_"):
            yield inner


def undocumented(file: Path) -> Iterator[str]:
    """Yield the public names of the file that have no docstring."""
    for outer in definitions(parsed(file)):
        if not ast.get_docstring(outer):
            yield f"{relative(file)}: {outer.name}"
        if isinstance(outer, ast.ClassDef):
            yield from _undocumented_methods(file, outer)


def _undocumented_methods(file: Path, outer: ast.ClassDef) -> Iterator[str]:
    for inner in definitions(outer):
        if ast.get_docstring(inner):
            continue
        module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        if not inspect.getdoc(getattr(getattr(module, outer.name), inner.name)):
            yield f"{relative(file)}: {outer.name}.{inner.name}"


def imported(file: Path) -> Iterator[str]:
    """Yield the packages that the file imports, by statement or `import_module`: ours by room."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (_room(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (_room(f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _callee(node) == "import_module" and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield _room(str(name.value))


def _room(module: str) -> str:
    return module.removeprefix("saveproof.").partition(".")[0]


def _callee(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def imports_by_name(file: Path) -> Iterator[str]:
    """Yield the calls that import a module of ours by a string, or whatever a variable names."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Call) and _callee(node) in IMPORTERS:
            named = node.args[0] if node.args else None
            name = named.value if isinstance(named, ast.Constant) else None
            if not isinstance(name, str) or name.split(".")[0] in ("saveproof", *PACKAGES):
                yield f"{relative(file)}:{node.lineno}: {ast.unparse(node)}"


def imports_within(file: Path) -> Iterator[str]:
    """Yield what functions of the file import by statement, frameworks in families apart."""
    for function in ast.walk(parsed(file)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names if isinstance(node, ast.Import)]
                roots = {name.split(".")[0] for name in names or [getattr(node, "module", "")]}
                if not (relative(file).startswith("conformance/families/") and roots <= FRAMEWORKS):
                    yield f"{relative(file)}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("file", sources(*PACKAGES, *PROGRAMS), ids=relative)
def test_module_says_in_one_line_what_it_holds(file: Path):
    first, *rest = (ast.get_docstring(parsed(file)) or "").splitlines()

    assert first.endswith((".", "?"))
    assert len(first) + len('"""') <= LINE
    assert not rest or rest[0] == ""


@pytest.mark.parametrize("file", sources(*PACKAGES), ids=relative)
def test_what_is_public_has_a_docstring(file: Path):
    """An overriding method may leave it to the method that it overrides."""
    assert list(undocumented(file)) == []


def test_long_files_are_those_that_are_to_be_split():
    lengths = {relative(file): length(file) for file in sources(*PACKAGES, *PROGRAMS, "tests")}

    assert {name for name, length in lengths.items() if length > LONGEST} == TOO_LONG


def test_a_framework_is_imported_by_its_subject_only():
    importing = {relative(file) for file in sources(*PACKAGES) if FRAMEWORKS & set(imported(file))}

    assert importing == {
        "conformance/families/keras/keras3.py",
        "conformance/families/keras/tensorflow_determinism.py",
    }


def test_no_import_is_hidden_in_a_string():
    hiding = {relative(file) for file in sources(*PACKAGES) if list(imports_by_name(file))}

    assert hiding == set(IMPORTED_BY_NAME)


def test_no_function_imports_but_frameworks():
    importing = {relative(file) for file in sources(*PACKAGES) if list(imports_within(file))}

    assert importing == set(IMPORTED_WITHIN)


def test_hidden_imports_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the two tests above look with would notice each way to hide one."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "room.py"
    file.write_text(
        "import importlib\n"
        "a = importlib.import_module('saveproof.reports.matrix')\n"
        "b = __import__(a.__name__)\n"
        "c = importlib.import_module('json')\n"
        "def f():\n"
        "    import json\n"
        "    from saveproof import reports\n"
    )

    assert [line.split(": ")[0] for line in imports_by_name(file)] == ["room.py:2", "room.py:3"]
    assert [line.split(": ")[0] for line in imports_within(file)] == ["room.py:6", "room.py:7"]


@pytest.mark.parametrize("package", ["reference_impl", "reports", "strategies"])
def test_a_room_at_the_wall_imports_nothing_of_ours(package: str):
    ours = {*PACKAGES, *PROGRAMS, "tests"} - {package}

    assert [relative(f) for f in sources(package) if ours & set(imported(f))] == []


def test_the_reference_is_seen_by_its_subject_and_the_mutants_only():
    seeing = {
        relative(file) for file in sources("conformance") if "reference_impl" in imported(file)
    }
    elsewhere = {name for name in seeing if not name.startswith("conformance/mutants/")}

    assert elsewhere == {"conformance/families/keras/reference.py"}


def test_subjects_know_no_check_and_no_verdict():
    for file in (ROOT / "conformance/families/keras").glob("*.py"):
        text = file.read_text(encoding="utf-8")

        assert "saveproof.conformance.checks" not in text
        assert "reports" not in set(imported(file))


def test_help_waits_for_no_large_package():
    program = (
        "import sys\n"
        "from saveproof.conformance.cli import main\n"
        "sys.argv = ['saveproof', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        f"print('loaded:', sorted(set(sys.modules) & {set(SLOW)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, text=True
    )

    assert done.stdout.rstrip().endswith("loaded: []")


def test_naming_every_subject_imports_no_framework():
    """Save paths and versions are told without the framework, installed or not."""
    program = (
        "import sys\n"
        "from saveproof.conformance import listing\n"
        "from saveproof.conformance.families import subjects\n"
        "listing.subjects()\n"
        "for name in subjects.SUBJECTS:\n"
        "    listing.paths(name)\n"
        f"print(sorted(set(sys.modules) & {set(FRAMEWORKS)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, text=True
    )

    assert done.stdout.strip() == "[]"


def test_a_class_name_stands_for_one_thing():
    places: dict[str, set[str]] = {}
    for file in sources("conformance", "strategies", "reports"):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(relative(file))

    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_a_path_is_never_where_a_layer_stands_in_a_model():
    """A layer has an address; "path" means a save path, or a file's where Python calls it so."""
    of_layers = re.compile(
        r"for (path, \w*layer|path, inner)\b|layer_?paths?\b|paths? of names|layer's path"
    )
    found = {
        relative(file)
        for file in sources("conformance", "strategies", "reports")
        if of_layers.search(file.read_text(encoding="utf-8"))
    }

    assert found == set()
