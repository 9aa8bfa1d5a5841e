"""The suite for a test in someone's own suite: `saveproof.check`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from saveproof.conformance.processes.isolation import importable
from saveproof.conformance.runs.exit_codes import FINDINGS, NOTHING_UNEXPECTED
from saveproof.conformance.runs.options import DEFAULTS
from saveproof.reports.store import Run, read


class NotRun(RuntimeError):
    """The run was refused, or could not be finished; the message is what the command printed."""


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
    """Run the suite on a subject in a process of its own, as `saveproof run` does.

    A test asserts that nothing in the run is unexpected:

        run = saveproof.check("my_package.my_module:MySubject", examples=10)
        assert not run.unexpected

    Args:
        subject: a name that `saveproof run` takes; the subject's module must be importable.
        paths: only these save paths; without any, all.
        checks: only these checks; without any, all.
        kinds: only these kinds of model; without any, all.
        examples: cases a save path and kind.
        seed: the cases' seed.
        workers: how many processes run campaigns.
        out: where the run and its report go; without it, they are not kept.

    Raises:
        NotRun: the run was refused or could not be finished; the message says why.
    """
    chosen = {"--path": paths, "--check": checks, "--kind": kinds}
    options = [f"{name}={value}" for name, values in chosen.items() for value in values]
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        target = out or Path(folder) / "run"
        numbers = [f"--examples={examples}", f"--seed={seed}", f"--out={target}"]
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "saveproof", "run"),
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
