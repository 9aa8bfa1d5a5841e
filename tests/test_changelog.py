"""The fragments of changes, and the document that they are collected into."""

import runpy
from pathlib import Path

import pytest

COLLECT = Path(__file__).parents[1] / "changelog.d/collect.py"


@pytest.fixture
def collect():
    return runpy.run_path(str(COLLECT))["collect"]


@pytest.fixture
def project(tmp_path):
    """Return a project with two fragments."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.1"\n')
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d/README.md").write_text("What these are.\n")
    (tmp_path / "changelog.d/one.fixed.md").write_text("One (see [A](../docs/a.md)).\n")
    (tmp_path / "changelog.d/two.added.md").write_text("Two.\n")
    return tmp_path


def test_fragments_are_collected_under_the_version_and_removed(collect, project):
    (project / "CHANGELOG.md").write_text("# Changes\n\n## 1.0\n\n### Added\n\n- All.\n")

    collect(project)

    assert (project / "CHANGELOG.md").read_text() == (
        "# Changes\n\n## 1.1\n\n### Added\n\n- Two.\n\n### Fixed\n\n- One (see [A](docs/a.md)).\n"
        "\n## 1.0\n\n### Added\n\n- All.\n"
    )
    assert [file.name for file in (project / "changelog.d").iterdir()] == ["README.md"]


def test_a_version_is_collected_once(collect, project):
    collect(project)

    with pytest.raises(ValueError, match=r"1\.1"):
        collect(project)
