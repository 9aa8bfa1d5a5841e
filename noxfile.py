"""Sessions: `nox` runs what a change must pass; `nox -s conformance` is the main job."""

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests", "frameworks"]
nox.options.reuse_existing_virtualenvs = True

GROUPS = nox.project.load_toml("pyproject.toml")["dependency-groups"]
FRAMEWORKS = ["tensorflow-cpu", "tf-keras", "keras", "jax", "torch==2.13.0"]
TF215 = ["tensorflow-cpu==2.15.1", "tf-keras==2.15.1"]


@nox.session
def lint(session: nox.Session) -> None:
    """Hold style, import directions and spelling."""
    session.install("-e", ".", *GROUPS["lint"])
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    session.run("codespell", "--toml", "pyproject.toml")


@nox.session
def types(session: nox.Session) -> None:
    """Hold mypy strict."""
    session.install("-e", ".", *GROUPS["types"])
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need no framework."""
    session.install("-e", ".", *GROUPS["test"])
    session.run("pytest", "-n", "auto", "-m", "not frameworks", *session.posargs)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Run the tests that need TensorFlow, tf_keras and Keras."""
    session.install("-e", ".", *GROUPS["test"], *FRAMEWORKS)
    session.run("pytest", "-n", "2", "-m", "frameworks", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the main job: the reference through every save path, to a report."""
    session.install("-e", ".")
    session.run("saveproof", "run", "reference", *session.posargs)


@nox.session
def subjects(session: nox.Session) -> None:
    """Run tf_keras and Keras 3 on each backend through every save path."""
    session.install("-e", ".", *FRAMEWORKS)
    names = ["tf_keras", "keras:tensorflow", "keras:jax", "keras:torch"]
    session.run("saveproof", "run", *names, "--out", "saveproof-subjects", *session.posargs)


@nox.session
def interchange(session: nox.Session) -> None:
    """Have the reference, tf_keras and Keras 3 read what each of them has written."""
    session.install("-e", ".", *FRAMEWORKS)
    names = ["reference", "tf_keras", "keras:torch"]
    session.run("saveproof", "interchange", *names, *session.posargs)


@nox.session
def tf215(session: nox.Session) -> None:
    """Work beside TensorFlow and tf_keras 2.15: the reference's tests, and files both ways."""
    session.install("-e", ".", *GROUPS["test"], *TF215)
    session.run("pytest", "-n", "auto", "-m", "not frameworks", "tests/reference_impl")
    out = ("--out", "saveproof-tf215")
    session.run("saveproof", "interchange", "reference", "tf_keras", *out, *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Print the kill matrix, and hold every mutant's findings to the record."""
    session.install("-e", ".", *GROUPS["test"])
    session.run("python", "-m", "saveproof.conformance.mutants", *session.posargs)
    session.run("pytest", "--every-mutant", "tests/conformance/test_mutant_findings.py")


@nox.session
def soak(session: nox.Session) -> None:
    """Run 10,000 generated cases on the reference: no finding is a false alarm fewer."""
    session.install("-e", ".")
    out = ("--out", "saveproof-soak")
    session.run("saveproof", "run", "reference", "--examples", "240", *out, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill a save, and have the disk fail, at each operation: old or new whole, nothing lost."""
    session.install("-e", ".")
    session.run("python", "-m", "faults", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print the ratios of performance, each measured side by side in one run."""
    session.install("-e", ".", *FRAMEWORKS, "safetensors")
    session.run("python", "-m", "benchmarks", *session.posargs)
