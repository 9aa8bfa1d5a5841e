"""Sessions: `nox` runs those that a change must pass; `nox -s conformance` tests the reference."""

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests", "frameworks"]
nox.options.reuse_existing_virtualenvs = True

GROUPS = nox.project.load_toml("pyproject.toml")["dependency-groups"]
FRAMEWORKS = ["tensorflow-cpu", "tf-keras", "keras", "jax", "torch==2.13.0"]
TF215 = ["tensorflow-cpu==2.15.1", "tf-keras==2.15.1"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import directions and spelling."""
    session.install("-e", ".", *GROUPS["lint"])
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    session.run("codespell", "--toml", "pyproject.toml")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy in strict mode."""
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
    """Test every save path of the reference, and write a report."""
    session.install("-e", ".")
    session.run("saveproof", "run", "reference", "--force", *session.posargs)


@nox.session
def subjects(session: nox.Session) -> None:
    """Test every save path of tf_keras, and of Keras 3 on each backend."""
    session.install("-e", ".", *FRAMEWORKS)
    names = ["tf_keras", "keras:tensorflow", "keras:jax", "keras:torch"]
    out = ("--force", "--out", "saveproof-subjects")
    session.run("saveproof", "run", *names, *out, *session.posargs)


@nox.session
def catalogue(session: nox.Session) -> None:
    """Check that each argument of each class of each framework has values, or a reason."""
    session.install("-e", ".", *GROUPS["test"], *FRAMEWORKS)
    session.run("pytest", "-n", "0", "tests/conformance/test_catalogue_complete.py")


@nox.session
def interchange(session: nox.Session) -> None:
    """Test whether the reference, tf_keras and Keras 3 can read each other's files."""
    session.install("-e", ".", *FRAMEWORKS)
    names = ["reference", "tf_keras", "keras:torch"]
    session.run("saveproof", "interchange", *names, "--force", *session.posargs)


@nox.session
def tf215(session: nox.Session) -> None:
    """Test the reference beside TensorFlow and tf_keras 2.15, and exchange files with them."""
    session.install("-e", ".", *GROUPS["test"], *TF215)
    session.run("pytest", "-n", "auto", "-m", "not frameworks", "tests/reference_impl")
    out = ("--force", "--out", "saveproof-tf215")
    session.run("saveproof", "interchange", "reference", "tf_keras", *out, *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Print which checks kill which mutants, and compare all findings with the record."""
    session.install("-e", ".", *GROUPS["test"])
    session.run("python", "-m", "saveproof.conformance.mutants", *session.posargs)
    session.run("pytest", "--every-mutant", "tests/conformance/test_mutant_findings.py")


@nox.session
def soak(session: nox.Session) -> None:
    """Run 10,000 generated cases on the reference, to look for false alarms."""
    session.install("-e", ".")
    out = ("--force", "--out", "saveproof-soak")
    session.run("saveproof", "run", "reference", "--examples", "240", *out, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill saves, or make the disk fail, at each operation, and check that no file is lost."""
    session.install("-e", ".")
    session.run("python", "-m", "faults", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print performance ratios, each measured side by side in one run."""
    session.install("-e", ".", *FRAMEWORKS, "safetensors")
    session.run("python", "-m", "benchmarks", *session.posargs)
