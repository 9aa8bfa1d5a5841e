"""Injects faults into the reference, by replacing its functions in this process permanently."""

from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Any

from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.reference import reference
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.hdf5 import model_h5, reader
from saveproof.reference_impl.saving.model_state import capture

Fault = Callable[[], KerasSubject]
"""Injects the fault into this process's reference, once, and returns the mutant as a subject."""

Tamper = Callable[[Any], Any]


def fault(commit: Callable[[], None]) -> Fault:
    """Make a fault from a procedure that calls `put`, with the procedure's name and docstring.

    A fault is never removed: a process that has resolved a mutant no longer has the reference.
    """

    def mutant() -> KerasSubject:
        commit()
        made = reference()
        made.name = f"mutant {commit.__name__}"
        return made

    return cache(update_wrapper(mutant, commit))


def instead(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault from a function that returns a replacement of the original function."""

    def seeded(replacement: Tamper) -> Fault:
        return fault(_named(replacement, lambda: put(owner, name, replacement)))

    return seeded


def after(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault from a function that changes the original function's result."""

    def seeded(tamper: Tamper) -> Fault:
        def tampering(original: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *given, **options: tamper(original(*given, **options))

        return fault(_named(tamper, lambda: put(owner, name, tampering)))

    return seeded


def before(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault from a procedure that changes the original function's first argument."""

    def seeded(tamper: Tamper) -> Fault:
        def tampering(original: Callable[..., Any]) -> Callable[..., Any]:
            def tampered(first: Any, *given: Any, **options: Any) -> Any:
                tamper(first)
                return original(first, *given, **options)

            return tampered

        return fault(_named(tamper, lambda: put(owner, name, tampering)))

    return seeded


def put(owner: object, name: str, tampering: Callable[[Callable[..., Any]], Any]) -> None:
    """Replace the owner's function by the result of `tampering` on it."""
    setattr(owner, name, tampering(getattr(owner, name)))


def _named(tamper: Tamper, commit: Callable[[], None]) -> Callable[[], None]:
    return update_wrapper(commit, tamper)


state_written = after(capture, "model_state")
"""Makes a fault that changes the state of a whole model before it is written."""

state_read = after(reader, "read_model")
"""Makes a fault that changes the state of a whole model after it was read."""

weights_written = after(model_h5, "weights_state")
"""Makes a fault that changes the weights before they are written to a weights file."""

weights_read = after(reader, "read_weights")
"""Makes a fault that changes the weights after they were read from a weights file."""

model_saved = before(model_files, "save_model")
"""Makes a fault that changes the live model before a save of the whole model."""

weights_saved = before(model_files, "save_weights")
"""Makes a fault that changes the live model before a save of its weights."""
