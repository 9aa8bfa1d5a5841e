"""Repro: a stand-alone program that reproduces a recorded finding, and is run before printing."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from saveproof.conformance import replay
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families import environment
from saveproof.conformance.families.keras.codegen.paths import NotReproducible, scripted, way_of
from saveproof.conformance.families.keras.codegen.program import Plot
from saveproof.conformance.families.keras.codegen.scripts import plot
from saveproof.conformance.families.keras.codegen.source import Lines, docstring, indented
from saveproof.conformance.processes.memory import MEMORY, limit_memory
from saveproof.reports.findings import Defect
from saveproof.reports.markdown import escaped, fenced
from saveproof.reports.records import Result
from saveproof.reports.wording import printable
from saveproof.strategies.case import Case

SECONDS = 300.0
"""Time limit of a script."""

RUNS = 2
"""How often a script must reproduce the finding before it is printed."""

FORMATS = ("script", "issue")
"""Output formats: the program alone, or an issue for the framework's maintainers."""

_IMPORTS = {
    "copy.": "import copy",
    "inspect.": "import inspect",
    "json.": "import json",
    "os.environ": "import os",
    "pickle.": "import pickle",
    "tempfile.": "import tempfile",
    "ProcessPoolExecutor(": "from concurrent.futures import ProcessPoolExecutor",
    "get_context(": "from multiprocessing import get_context",
    "Path(": "from pathlib import Path",
}
"""Import statement by the text whose presence in a script requires it."""


class NotConfirmed(RuntimeError):
    """The script was run and did not reproduce the finding."""


def confirmed(
    reference: str,
    runs: Sequence[Path],
    at: replay.At = replay.ANYWHERE,
    *,
    format: str = FORMATS[0],
) -> str:
    """Return a script that reproduces a finding, after running it to confirm.

    The format `issue` is Markdown to paste: a title, the program, expected, found and versions.

    Raises:
        NoSuchCase: the runs have no such finding.
        NotReproducible: this subject or this kind of finding has no script.
        NotConfirmed: the script does not reproduce the finding; the message holds its output.
    """
    result, finding = replay.found(reference, runs, at)
    case, subject = replay.case_of(finding), result.subject
    ran = f"Ran {RUNS} of {RUNS} on {_listed(versions(subject))}."
    text = script(case, subject, result.path, result.check, finding.defect, ran=ran)
    raises = plot(case, subject, result.path, result.check, finding.defect).raises
    for _ in range(RUNS):
        confirm(text, subject=subject, raises=raises)
    return issue(text, result, finding.defect) if format == "issue" else text


def script(
    case: Case, subject: str, path: str, check: str, defect: Defect, *, ran: str = ""
) -> str:
    """Return a program that ends with an exception, which states what was expected and found.

    `ran` is a sentence for its docstring: the versions that it was run on.

    Raises:
        NotReproducible: this subject, check or kind of finding has no script.
        InvalidCase: the case or the finding holds a name or value that source code can't express.
    """
    scenes = plot(case, subject, path, check, defect)
    where = f"False for {subject} on {path}: {defect.message}."
    origin = f"saveproof, {check}, case {case.id}."
    opening = docstring(_statement(check), " ".join(filter(None, (where, ran, origin))))
    main = [*indented(scenes.body)] if scenes.parallel else scenes.body
    if scenes.parallel:
        main = ['if __name__ == "__main__":', *main]
    functions = [line for function in scenes.functions for line in ("", "", *function)]
    program = [*functions, *(["", ""] if functions else [""]), *main]
    return "\n".join([opening, "", *_head(subject, scenes, program), *program]) + "\n"


def issue(text: str, result: Result, defect: Defect) -> str:
    """Return the script as an issue in Markdown."""
    document = way_of(scripted(result.subject), result.path).contract.document
    parts = [
        f"# {escaped(f'{result.subject}, {result.path}: {defect.message}')}",
        f"{_statement(result.check)} Documented at {document}",
        fenced(text.rstrip(), language="python"),
        f"Expected:\n\n{fenced(defect.difference.expected)}",
        f"Found:\n\n{fenced(defect.difference.found)}",
        f"Versions: {escaped(_listed({**versions(result.subject), **_machine()}))}",
    ]
    return printable("\n\n".join(parts)) + "\n"


def versions(subject: str) -> Mapping[str, str]:
    """Return the versions of the packages that a built-in subject needs, and of NumPy."""
    return {**scripted(subject).environment(), "numpy": environment.version("numpy")}


def confirm(text: str, *, subject: str, raises: str = Plot.raises) -> None:
    """Run the script in its own process and folder, with a memory limit.

    Raises:
        NotConfirmed: it does not end with exit code 1 and an exception of that class.
    """
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        file = Path(folder) / "repro.py"
        file.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, str(file)],
                cwd=folder,
                env=_environment(subject),
                capture_output=True,
                encoding="utf-8",
                timeout=SECONDS,
                check=False,
                preexec_fn=partial(limit_memory, MEMORY),
            )
        except subprocess.TimeoutExpired as expired:
            raise NotConfirmed(f"the script ran for more than {SECONDS:g} s:\n{text}") from expired
    name = re.escape(raises.removeprefix("builtins."))
    if done.returncode != 1 or not re.search(rf"^{name}(:|$)", done.stderr, re.MULTILINE):
        raise NotConfirmed(
            f"expected exit code 1 and {raises}, found {done.returncode} from\n"
            f"{text}\nwhich printed\n{done.stdout}{done.stderr[-4000:]}"
        )


def _environment(subject: str) -> dict[str, str]:
    """Return this process's environment without variables that would make `saveproof` importable.

    The reference's scripts import it, and so keep it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "KERAS_BACKEND")
    }
    spec = find_spec("saveproof") if subject == "reference" else None
    if spec is not None and spec.origin is not None:
        kept["PYTHONPATH"] = str(Path(spec.origin).parent.parent)
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}


def _statement(check: str) -> str:
    statements = {one.name: one.statement for one in ALL_CHECKS}
    if check not in statements:
        raise NotReproducible(f"check {check!r}: expected one of {sorted(statements)}")
    return statements[check]


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _machine() -> Mapping[str, str]:
    described = environment.described()
    return {name: described[name] for name in ("python", "platform")}


def _head(subject: str, scenes: Plot, program: Lines) -> Lines:
    """Return the imports and the settings that must precede the framework's import or use."""
    dialect, module = scripted(subject).dialect, scripted(subject).module
    backend = [f'os.environ["KERAS_BACKEND"] = "{dialect.backend}"', ""] if dialect.backend else []
    used = [*backend, *program]
    standard = [line for sign, line in _IMPORTS.items() if any(sign in one for one in used)]
    numpy = ["import numpy as np"] if any("np." in line for line in program) else []
    framework = [dialect.framework] if scenes.alive and dialect.framework else []
    settling = ["", dialect.settling] if scenes.alive and dialect.settling else []
    gap = [""] if standard else []
    return [*standard, *gap, *backend, *numpy, *framework, _import(module), *settling]


def _import(module: str) -> str:
    package, _, name = module.rpartition(".")
    imported = f"from {package} import {name}" if package else f"import {name}"
    return imported if name == "keras" else f"{imported} as keras"
