"""Subjects: the implementations under test, built in, named by `module:attribute`, or foreign."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.model_state.subject import Subject
from saveproof.conformance.processes.endings import ENDING
from saveproof.conformance.processes.foreign.client import NotReached, foreign_subject
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


class UnknownSubject(LookupError):
    """The name is no built-in subject, and no `package.module:attribute` either."""


class BrokenSubject(RuntimeError):
    """What the specification names raises before it can be asked anything."""


class NotASubject(TypeError):
    """What the specification names is no subject: it lacks a method of the protocol."""


METHODS = ("build", "compile", "environment", "paths", "perform", "predict", "seed", "snapshot")
"""What `saveproof.conformance.model_state.subject.Subject` asks for."""


def resolve(spec: str) -> Subject:
    """Return the subject of that name, or of `package.module:attribute`.

    The attribute is a subject, a class or function that makes one, or a module that speaks the
    Keras API. A foreign subject is `NAME@/path/to/venv`, `NAME==VERSION` or `exec:COMMAND`.

    Raises:
        UnknownSubject: there is no such name, module or attribute.
        NoEnvironment: a foreign subject's environment is not there, or lacks something.
        NotASubject: the attribute is something else.
        BrokenSubject: its module can't be imported, or it can't be made.
    """
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
        raise NotASubject(
            f"subject {spec!r}: expected the methods {', '.join(METHODS)}, and a `name`; found "
            f"{type(subject).__name__} without {', '.join(missing)}"
        )
    checked: Subject = subject
    return checked


@contextmanager
def answering(spec: str, asked: str) -> Iterator[None]:
    """Have what a subject's own code raises say whose it is, and at what.

    Raises:
        BrokenSubject: it raised something that does not say so by itself.
    """
    try:
        yield
    except (NotReached, UnknownSubject, *ENDING):
        raise
    except BaseException as error:
        raise BrokenSubject(
            f"subject {spec!r}: {asked} raised {type(error).__name__}: {error}; mend it"
        ) from error


def _attribute(spec: str) -> object:
    name, colon, attribute = spec.partition(":")
    if not (name and colon and attribute):
        raise UnknownSubject(
            f"subject {spec!r}: expected one of {', '.join(sorted(SUBJECTS))}, "
            "`package.module:attribute`, `NAME@/path/to/venv`, `NAME==VERSION` or `exec:COMMAND`"
        )
    with answering(spec, f"importing {name!r}"):
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            told = f"subject {spec!r}: {error}; install it, or mend the name"
            raise UnknownSubject(told) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise UnknownSubject(f"subject {spec!r}: module {name!r} has no {attribute!r}")
    return found
