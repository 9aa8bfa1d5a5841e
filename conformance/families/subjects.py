"""Subjects: the implementations under test, built in, named by `module:attribute`, or foreign."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.own_model import OWN, own_model
from saveproof.conformance.model_state.subject import Subject, UnusableSubject
from saveproof.conformance.processes.endings import ENDING
from saveproof.conformance.processes.foreign.client import foreign_subject
from saveproof.conformance.processes.foreign.environments import launch

SUBJECTS = {
    "reference": "saveproof.conformance.families.keras.reference:reference",
    "tf_keras": "saveproof.conformance.families.keras.tf_keras:tf_keras",
    "keras": "saveproof.conformance.families.keras.keras3:keras",
    "keras:jax": "saveproof.conformance.families.keras.keras3:keras_jax",
    "keras:tensorflow": "saveproof.conformance.families.keras.keras3:keras_tensorflow",
    "keras:torch": "saveproof.conformance.families.keras.keras3:keras_torch",
}
"""Built-in subjects by name; each module is imported when its subject is asked for."""


METHODS = ("build", "compile", "environment", "paths", "perform", "predict", "seed", "snapshot")
"""What `saveproof.conformance.model_state.subject.Subject` asks for."""


def resolve(spec: str) -> Subject:
    """Return the subject of that name, or of `package.module:attribute`.

    The attribute is a subject, a class or function that makes one, or a module that speaks the
    Keras API. A foreign subject is `NAME@/path/to/venv`, `NAME==VERSION` or `exec:COMMAND`.

    Raises:
        UnusableSubject: there is no such name, module, attribute or environment; the attribute is
            something else; its module can't be imported, or it can't be made.
    """
    if spec.startswith(OWN):
        with answering(spec, "importing the model and its data"):
            return own_model(spec)
    started = launch(spec)
    if started is not None:
        return foreign_subject(spec, started)
    found = _attribute(SUBJECTS.get(spec, spec))
    if isinstance(found, ModuleType):
        return KerasSubject(name=spec, module=found.__name__)
    with answering(spec, "being made"):
        subject: Any = found() if callable(found) else found
        missing = [name for name in METHODS if not callable(getattr(subject, name, None))]
        missing += [] if isinstance(getattr(subject, "name", None), str) else ["name"]
    if missing:
        raise UnusableSubject(
            f"subject {spec!r}: expected the methods {', '.join(METHODS)}, and a `name`; found "
            f"{type(subject).__name__} without {', '.join(missing)}"
        )
    checked: Subject = subject
    return checked


@contextmanager
def answering(spec: str, asked: str) -> Iterator[None]:
    """Name the subject and the call in an error for whatever the subject's own code raises.

    Raises:
        UnusableSubject: the subject raised.
    """
    try:
        yield
    except (UnusableSubject, *ENDING):
        raise
    except BaseException as error:
        raise UnusableSubject(
            f"subject {spec!r}: {asked} raised {type(error).__name__}: {error}; mend it"
        ) from error


def _attribute(spec: str) -> object:
    name, colon, attribute = spec.partition(":")
    if not (name and colon and attribute):
        raise UnusableSubject(
            f"subject {spec!r}: expected one of {', '.join(sorted(SUBJECTS))}, "
            "`package.module:attribute`, `NAME@/path/to/venv`, `NAME==VERSION` or `exec:COMMAND`"
        )
    with answering(spec, f"importing {name!r}"):
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            raise UnusableSubject(
                f"subject {spec!r}: {error}; install it, or mend the name"
            ) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise UnusableSubject(f"subject {spec!r}: module {name!r} has no {attribute!r}")
    return found
