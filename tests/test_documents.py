"""The documents: every link resolves, every command is real, every output is the command's own."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.runs import plugin
from saveproof.reports.glossary import GLOSSARY
from saveproof.reports.wording import MEANINGS, SYMBOLS

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "docs", ROOT / "changelog.d")
DOCUMENTS = sorted(file for folder in FOLDERS for file in folder.glob("*.md"))
SET_UP = "python -m pip install nox && nox"
"""The command that passes the tests on a fresh machine."""

SELECTION = frozenset({"--models", "-k", "-n", "-s", "-x"})
"""Options of pytest and its plugins that the documents name."""


def named(document: Path) -> str:
    """Return the document's place in the project."""
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str) -> list[str]:
    """Return the document's fenced blocks of that language."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def prose(document: Path) -> str:
    """Return the document without its fenced blocks."""
    text = document.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def commands(document: Path, program: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of the program, in blocks and in prose.

    Comments and redirections of the shell are left out.
    """
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose(document))
    for line in lines:
        for part in line.partition(" > ")[0].split("&&"):
            words = shlex.split(part, comments=True)
            if words[:1] == [program]:
                yield words[1:]


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    """Return the anchors of the document's headings."""
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)}


def rows(document: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table under the heading, without its head."""
    section = prose(document).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def sessions() -> dict[str, str]:
    """Return the first line of each session's docstring, by its name."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: (ast.get_docstring(f) or "").splitlines()[0] for f in functions}


class Parser:
    """Stands for pytest's parser, and notes the options."""

    def __init__(self) -> None:
        self.options: set[str] = set()

    def getgroup(self, *_: str) -> "Parser":
        return self

    def addoption(self, *names: str, **_: object) -> None:
        self.options |= set(names)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_resolves(document: Path):
    """Links into the web are not followed."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document

        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_file_named_is_there(document: Path):
    rooms = "conformance|reference_impl|reports|strategies|tests|docs|examples|benchmarks"
    for name in re.findall(rf"`((?:{rooms})/[\w./]*)`", prose(document)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_saveproof_command_is_a_real_one(document: Path):
    """A command's bare name may stand for it; with arguments, all of them must be right."""
    group = typer.main.get_command(app)
    for name, *arguments in (words for words in commands(document, "saveproof") if words):
        if name in ("--help", "--version", "--install-completion", "--isolated"):
            continue
        command = group.commands[name]
        if arguments and "--help" not in arguments:
            command.make_context(name, list(arguments))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_pytest_option_is_a_real_one(document: Path):
    parser = Parser()
    plugin.pytest_addoption(parser)
    for arguments in commands(document, "pytest"):
        given = {word.partition("=")[0] for word in arguments if word.startswith("-")}

        assert given <= parser.options | SELECTION | {"--pyargs"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_session_named_is_there(document: Path):
    for arguments in commands(document, "nox"):
        if arguments[:1] == ["-s"]:
            assert arguments[1] in sessions()


def consoles() -> list[tuple[str, Sequence[str], str]]:
    """Return each command of a `console` block: its document, its arguments, what it printed."""
    found = []
    for document in DOCUMENTS:
        for block in blocks(document, "console"):
            command, _, printed = block.partition("\n")
            program, *arguments = shlex.split(command.removeprefix("$ "))
            assert program == "saveproof"
            found.append((named(document), arguments, printed))
    return found


@pytest.mark.parametrize(("document", "arguments", "printed"), consoles())
def test_what_a_document_shows_is_what_the_command_prints(
    document: str, arguments: Sequence[str], printed: str
):
    done = CliRunner().invoke(app, list(arguments))

    assert done.exit_code == 0
    assert done.output == printed, f"mend the block `saveproof {' '.join(arguments)}` in {document}"


def test_ci_runs_the_test_command_of_the_readme():
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    told = run.replace(".venv/bin/", "").replace("--quiet ", "").splitlines()

    assert SET_UP in "".join(blocks(ROOT / "README.md", "sh")).splitlines()
    assert told[-2:] == SET_UP.split(" && ")


def test_the_readme_asks_for_the_python_that_the_package_needs():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    version = needed["requires-python"].removeprefix(">=")
    assert f"Python {version} or newer" in prose(ROOT / "README.md")


def test_the_facets_told_of_are_those_of_contracts():
    told = [cells[0] for cells in rows(ROOT / "docs/spec.md", "Facets")]

    assert told == list(Facet)


def test_the_promises_told_of_are_those_of_contracts():
    told = [cells[0] for cells in rows(ROOT / "docs/spec.md", "Promises")]

    assert told == [str(promise) for promise in Promise]


def test_the_verdicts_told_of_are_those_of_reports():
    told = [cells[:3] for cells in rows(ROOT / "docs/reading-a-report.md", "Verdicts")]
    words = {verdict: str(verdict) if verdict else "no result" for verdict in SYMBOLS}

    assert told == [[SYMBOLS[v], words[v], MEANINGS[v]] for v in SYMBOLS]


def test_the_glossary_is_the_one_that_reports_show():
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").replace("`", "")
    words = dict(re.findall(r"^\| \*\*(.*?)\*\* \| (.*) \|$", text, re.MULTILINE))

    assert words == GLOSSARY


def test_the_sessions_told_of_are_those_of_the_noxfile():
    told = {cells[0].strip("`"): cells[1] for cells in rows(ROOT / "CONTRIBUTING.md", "Sessions")}

    assert told == sessions()


@pytest.mark.parametrize(
    "fragment", sorted((ROOT / "changelog.d").glob("*.*.md")), ids=lambda file: file.name
)
def test_a_changelog_fragment_is_one_sentence(fragment: Path):
    text = fragment.read_text(encoding="utf-8")

    assert fragment.name.split(".")[1] in {"added", "changed", "fixed", "removed"}
    assert text.count("\n") == 1
    assert re.fullmatch(r"[A-Z`].*\.", text.strip())


def test_the_page_of_codes_is_what_the_command_prints():
    done = CliRunner().invoke(app, ["explain", "--format", "markdown"])

    assert done.output == (ROOT / "docs/codes.md").read_text(encoding="utf-8"), (
        "run saveproof explain --format markdown > docs/codes.md"
    )
