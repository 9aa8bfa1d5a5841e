"""The package as it is installed: one name, beside projects that use the same words."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import saveproof

ROOT = Path(__file__).parents[1]
PROJECT = {
    "conformance/__init__.py": 'WHOSE = "the project\'s"\n',
    "reports/__init__.py": 'WHOSE = "the project\'s"\n',
    "strategies/__init__.py": 'WHOSE = "the project\'s"\n',
    "conftest.py": (
        'def pytest_addoption(parser):\n    parser.addoption("--subject", default="none")\n'
    ),
    "tests/test_own.py": (
        "import conformance, reports, strategies\n\n\n"
        "def test_own(pytestconfig):\n"
        '    assert pytestconfig.getoption("subject") == "mine"\n'
        '    assert {m.WHOSE for m in (conformance, reports, strategies)} == {"the project\'s"}\n'
    ),
}
"""A project whose packages and option have the names of rooms and options of ours."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return a wheel of the package, as it would be uploaded."""
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def built(target, root, folder):
    """Return the wheel or source archive that is built of a project."""
    build = ["-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run([sys.executable, *build], cwd=root, check=True, capture_output=True)
    (file,) = folder.iterdir()
    return file


def names(wheel):
    """Return the names of the wheel's members."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def python(*arguments, folder, site):
    """Run Python in the folder with what is installed in the site; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wheel_holds_the_package_and_what_is_said_of_it(wheel):
    folders = {name.partition("/")[0] for name in names(wheel)}

    assert folders == {"saveproof", f"saveproof-{saveproof.__version__}.dist-info"}


def test_a_wheel_holds_every_file_of_the_package(wheel):
    held = {name for name in names(wheel) if name.startswith("saveproof/")}
    rooms = ("conformance", "reference_impl", "reports", "strategies")
    files = {
        f"saveproof/{file.relative_to(ROOT).as_posix()}"
        for room in rooms
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert held == files | {
        f"saveproof/{name}" for name in ("__init__.py", "__main__.py", "py.typed")
    }


def test_a_wheel_made_of_the_source_archive_holds_the_same(wheel, tmp_path):
    """The folders are links in the repository, and must not be in the archive."""
    with tarfile.open(built("sdist", ROOT, tmp_path / "sdist")) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # since 3.11.4
        archive.extractall(tmp_path, **safely)
    (root,) = tmp_path.glob("saveproof-*")

    again = built("wheel", root, tmp_path / "wheel")

    assert sorted(names(again)) == sorted(names(wheel))


def test_a_project_with_packages_and_options_of_the_same_names_runs_both_suites(wheel, tmp_path):
    site, project = tmp_path / "site", tmp_path / "project"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *install, "--target", str(site), str(wheel)], check=True)
    for name, text in PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    asked = ["run", "reference", "--path", "json", "--kind", "sequential"]

    where = "import saveproof.conformance as c; print(c.__file__)"
    assert Path(python("-c", where, folder=project, site=site).strip()).is_relative_to(site)
    assert "1 passed" in python("-m", "pytest", "--subject", "mine", folder=project, site=site)
    told = python(
        "-m", "saveproof", *asked, "--examples", "1", "-n", "1", folder=project, site=site
    )
    assert "nothing unexpected" in told


def test_the_command_says_its_version(tmp_path):
    told = python("-m", "saveproof", "--version", folder=tmp_path, site=os.pathsep.join(sys.path))

    assert told == f"saveproof {saveproof.__version__}\n"
