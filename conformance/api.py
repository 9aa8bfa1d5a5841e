"""`saveproof.check` and `saveproof.items`: the suite as functions, for a project's own tests."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from saveproof.conformance.families.description import Described, described, description_of
from saveproof.conformance.model_state.subject import Subject
from saveproof.conformance.processes.isolation import importable
from saveproof.conformance.runs.exit_codes import FINDINGS, NOTHING_UNEXPECTED
from saveproof.conformance.runs.here import run_here
from saveproof.conformance.runs.options import DEFAULTS, SuiteOptions, validated
from saveproof.conformance.runs.selection import job_of
from saveproof.reports.records import Result
from saveproof.reports.store import Run, read

AnySubject = str | type[Any] | Subject
"""A name that `saveproof run` accepts, a class in a module that can be imported, or a subject."""


class NotRun(RuntimeError):
    """The run was refused or did not finish; the message is the command's output."""


class NotConforming(AssertionError):
    """A run found something unexpected; the message lists it."""


def check(
    subject: AnySubject,
    *,
    paths: Sequence[str] = (),
    checks: Sequence[str] = (),
    kinds: Sequence[str] = (),
    examples: int = DEFAULTS.examples,
    seed: int = DEFAULTS.seed,
    workers: int = 1,
    out: Path | None = None,
) -> Run:
    """Run the suite on a subject.

    A test asserts that the run found nothing unexpected:

        run = saveproof.check("my_package.my_module:MySubject", examples=10)
        assert not run.unexpected

    A name, or a class, runs in a new process, as `saveproof run` does: its module must be
    importable. An object runs in this process: a crash or a hang is one of the tests themselves,
    and no other process loads what it saves.

    Args:
        subject: a name that `saveproof run` accepts, a class, or an object.
        paths: save paths to test; empty for all.
        checks: checks to run; empty for all.
        kinds: kinds of model to generate; empty for all.
        examples: number of cases for each save path and kind of model.
        seed: seed of the generated cases.
        workers: number of worker processes; an object has none.
        out: folder for the run and its report; None discards them.

    Raises:
        NotRun: the run was refused or did not finish; the message says why.
    """
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        given = {
            "subject": (_name(subject),),
            "path": tuple(paths),
            "check": tuple(checks),
            "kind": tuple(kinds),
            "examples": examples,
            "seed": seed,
            "workers": str(workers),
            "out": out or Path(folder) / "run",
        }
        with _refused():
            options = validated(SuiteOptions, given)
        if not isinstance(subject, str | type):
            with _refused():
                job = job_of(_described(subject), options, "saveproof.check")
            return run_here(subject, job)
        return _run_in_a_process(options)


@dataclass(frozen=True)
class Item:
    """One save path with one kind of model of a subject, for a test of its own."""

    subject: AnySubject
    path: str
    kind: str
    examples: int
    seed: int

    def run(self) -> Run:
        """Run the suite on it.

        Raises:
            NotConforming: something unexpected was found.
            NotRun: see `check`.
        """
        run = check(
            self.subject,
            paths=[self.path],
            kinds=[self.kind],
            examples=self.examples,
            seed=self.seed,
        )
        if run.unexpected:
            raise NotConforming("\n".join(_line(result) for result in run.unexpected))
        return run


def items(
    subject: AnySubject,
    *,
    paths: Sequence[str] = (),
    kinds: Sequence[str] = (),
    examples: int = DEFAULTS.examples,
    seed: int = DEFAULTS.seed,
) -> list[Any]:
    """Return a parameter of pytest for each save path and kind of model, `npz-sequential`.

    A test runs each by itself:

        @pytest.mark.parametrize("item", saveproof.items(MySubject()))
        def test_saving(item):
            item.run()

    Args:
        subject: as in `check`.
        paths: save paths to test; empty for all.
        kinds: kinds of model to generate; empty for all that the subject has.
        examples: number of cases for each.
        seed: seed of the generated cases.
    """
    one = _described(subject)
    return [
        pytest.param(Item(subject, path, str(kind), examples, seed), id=f"{path}-{kind}")
        for path in [path.name for path in one.paths() if not paths or path.name in paths]
        for kind in one.capabilities.kinds
        if not kinds or kind in kinds
    ]


def _name(subject: AnySubject) -> str:
    if isinstance(subject, str):
        return subject
    return (
        f"{subject.__module__}:{subject.__qualname__}"
        if isinstance(subject, type)
        else subject.name
    )


def _described(subject: AnySubject) -> Described:
    if isinstance(subject, str | type):
        return described(_name(subject))
    return Described(subject.name, description_of(subject))


def _line(result: Result) -> str:
    found = "; ".join(finding.defect.message for finding in result.findings)
    return f"{result.check} on {result.path}, {result.kind}: {found or result.verdict}"


@contextmanager
def _refused() -> Iterator[None]:
    """Turn what refuses a run into `NotRun`.

    Raises:
        NotRun: something did.
    """
    try:
        yield
    except (LookupError, OSError, ValueError) as error:
        raise NotRun(str(error)) from error


def _run_in_a_process(options: SuiteOptions) -> Run:
    several = {"--path": options.path, "--check": options.check, "--kind": options.kind}
    chosen = [f"{name}={value}" for name, values in several.items() for value in values]
    numbers = [f"--examples={options.examples}", f"--seed={options.seed}", f"--out={options.out}"]
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "saveproof", "run"),
            *(*options.subject, *chosen, *numbers, "-n", options.workers),
        ],
        env=os.environ | {"PYTHONPATH": importable()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (NOTHING_UNEXPECTED, FINDINGS):
        raise NotRun(f"{done.stdout}{done.stderr}".strip())
    return read(options.out)
