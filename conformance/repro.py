"""Repro: a stand-alone script that shows a recorded finding, run before it is handed out."""

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from saveproof.conformance import replay
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families.keras.codegen.paths import NotReproducible, dialect_of
from saveproof.conformance.families.keras.codegen.program import Plot
from saveproof.conformance.families.keras.codegen.scripts import plot
from saveproof.conformance.families.keras.codegen.source import Lines, indented, literal
from saveproof.conformance.processes.endings import MEMORY, limit_memory
from saveproof.reports.findings import Defect
from saveproof.strategies.case import Case

SECONDS = 300.0
"""How long a script may take."""

DEFECT = "DEFECT: "
"""How the last line begins when the script shows the finding."""

_IMPORTS = {
    "json.": "import json",
    "os.": "import os",
    "sys.": "import sys",
    "tempfile.": "import tempfile",
    "ProcessPoolExecutor(": "from concurrent.futures import ProcessPoolExecutor",
    "get_context(": "from multiprocessing import get_context",
    "Path(": "from pathlib import Path",
}
"""What the standard library's modules are recognised by."""


class NotConfirmed(RuntimeError):
    """The script was run and did not show the finding."""


def confirmed(reference: str, runs: Sequence[Path], at: replay.At = replay.ANYWHERE) -> str:
    """Return the script of a finding of runs, by the case's id and place; it was run, and shows it.

    Raises:
        NoSuchCase: the runs have no such finding.
        NotReproducible: no script is known for the subject or for this kind of finding.
        NotConfirmed: the script does not show the finding; the message holds its output.
    """
    result, finding = replay.found(reference, runs, at)
    case = replay.case_of(finding)
    text = script(case, result.subject, result.path, result.check, finding.defect)
    confirm(text, subject=result.subject)
    return text


def script(case: Case, subject: str, path: str, check: str, defect: Defect) -> str:
    """Return a program that prints what was expected and found, and exits 1 on the defect.

    Raises:
        NotReproducible: no script is known for the subject, the check or this kind of finding.
        NotSource: the case or the finding names what no program can say.
    """
    scenes = plot(case, subject, path, check, defect)
    dialect = dialect_of(subject)
    main = [*scenes.body, *_verdict(scenes, f"{subject} {path}: {defect.message}")]
    if any("{folder}" in line or "folder)" in line for line in main):
        main = ["folder = tempfile.mkdtemp()", *main]
    functions = [line for function in scenes.functions for line in (*function, "", "")]
    if scenes.parallel:
        main = ['if __name__ == "__main__":', *indented(main)]
    settled = [f'os.environ["KERAS_BACKEND"] = "{dialect.backend}"'] if dialect.backend else []
    settling = [dialect.framework, dialect.settling] if scenes.alive else ["", ""]
    imports = [line for line in (settling[0], dialect.module) if line]
    program = [*imports, "", *settling[1:], "", *functions, *main]
    standard = _imports([*settled, *program])
    opening = [*_opening(case, subject, path, check), "", *standard, "", "import numpy as np"]
    return "\n".join([*opening, *settled, *program]) + "\n"


def confirm(text: str, *, subject: str) -> None:
    """Run the script in a process and folder of its own, with a memory limit.

    Raises:
        NotConfirmed: it does not end with exit code 1 and a line that names the defect.
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
            raise NotConfirmed(f"the script took more than {SECONDS:g} s:\n{text}") from expired
    last = (done.stdout.rstrip().splitlines() or [""])[-1]
    if done.returncode != 1 or not last.startswith(DEFECT):
        raise NotConfirmed(
            f"expected exit code 1 and a last line {DEFECT!r}…, found {done.returncode} from\n"
            f"{text}\nwhich printed\n{done.stdout}{done.stderr[-4000:]}"
        )


def _environment(subject: str) -> dict[str, str]:
    """Return this process's environment without what would let our packages in."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "KERAS_BACKEND")
    }
    spec = find_spec("saveproof") if subject == "reference" else None
    if spec is not None and spec.origin is not None:
        kept["PYTHONPATH"] = str(Path(spec.origin).parent.parent)
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}


def _opening(case: Case, subject: str, path: str, check: str) -> Iterator[str]:
    statements = {one.name: one.statement for one in ALL_CHECKS}
    if check not in statements:
        raise NotReproducible(f"check {check!r}: expected one of {sorted(statements)}")
    where = f"Not so for {subject} through {path}: saveproof, {check}, case {case.id}."
    yield from textwrap.wrap(f'"""{statements[check]}', 100)
    yield ""
    yield from textwrap.wrap(where, 100)
    yield '"""'


def _imports(program: Lines) -> list[str]:
    return [line for sign, line in _IMPORTS.items() if any(sign in one for one in program)]


def _verdict(scenes: Plot, message: str) -> Lines:
    return [
        *(f'print("{name}:", {name})' for name in scenes.values),
        f"if {scenes.defect}:",
        f"    print({literal(DEFECT + message)})",
        "    sys.exit(1)",
        'print("the defect does not show")',
    ]
