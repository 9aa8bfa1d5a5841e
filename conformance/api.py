"""`saveproof.check`: the suite as a function, for a project's own tests."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from saveproof.conformance.processes.isolation import importable
from saveproof.conformance.runs.options import DEFAULTS
from saveproof.reports.exit_codes import FINDINGS, NOTHING_UNEXPECTED
from saveproof.reports.store import Run, read


class NotRun(RuntimeError):
    """The run was refused or did not finish; the message is the command's output."""


def check(
    subject: str,
    *,
    paths: Sequence[str] = (),
    checks: Sequence[str] = (),
    kinds: Sequence[str] = (),
    examples: int = DEFAULTS.examples,
    seed: int = DEFAULTS.seed,
    workers: int = 1,
    out: Path | None = None,
) -> Run:
    """Run the suite on a subject in a new process, as `saveproof run` does.

    It takes nothing from `pyproject.toml`.

    A test asserts that the run found nothing unexpected:

        run = saveproof.check("my_package.my_module:MySubject", examples=10)
        assert not run.unexpected

    Args:
        subject: a name that `saveproof run` accepts; its module must be importable.
        paths: save paths to test; empty for all.
        checks: checks to run; empty for all.
        kinds: kinds of model to generate; empty for all.
        examples: number of cases for each save path and kind of model.
        seed: seed of the generated cases.
        workers: number of worker processes.
        out: folder for the run and its report, in place of an earlier run; None discards them.

    Raises:
        NotRun: the run was refused or did not finish; the message says why.
    """
    chosen = {"--path": paths, "--check": checks, "--kind": kinds}
    options = [f"{name}={value}" for name, values in chosen.items() for value in values]
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        target = out or Path(folder) / "run"
        numbers = [f"--examples={examples}", f"--seed={seed}", f"--out={target}", "--force"]
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "saveproof", "--isolated", "run"),
                *(subject, *options, *numbers, "-n", str(workers)),
            ],
            env=os.environ | {"PYTHONPATH": importable()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (NOTHING_UNEXPECTED, FINDINGS):
            raise NotRun(f"{done.stdout}{done.stderr}".strip())
        return read(target)
