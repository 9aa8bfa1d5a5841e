"""Seams of the reference, and how a fault is put into one: in this process, for good."""

from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Any

from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.reference import reference
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.hdf5 import model_h5, reader
from saveproof.reference_impl.saving.model_state import capture

Fault = Callable[[], KerasSubject]
"""Puts the fault into this process's reference, once, and returns the mutant as a subject."""

Tamper = Callable[[Any], Any]


def fault(commit: Callable[[], None]) -> Fault:
    """Make a fault of a procedure that calls `put`; its name and docstring are the fault's.

    Faults are never taken back: a process that has resolved a mutant has no reference any more.
    """

    def mutant() -> KerasSubject:
        commit()
        made = reference()
        made.name = f"mutant {commit.__name__}"
        return made

    return cache(update_wrapper(mutant, commit))


def instead(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault of a function from the original to what stands in its place."""

    def seeded(replacement: Tamper) -> Fault:
        return fault(_named(replacement, lambda: put(owner, name, replacement)))

    return seeded


def after(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault of a function from what the seam returns to what it will return instead."""

    def seeded(tamper: Tamper) -> Fault:
        def tampering(original: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *given, **options: tamper(original(*given, **options))

        return fault(_named(tamper, lambda: put(owner, name, tampering)))

    return seeded


def before(owner: object, name: str) -> Callable[[Tamper], Fault]:
    """Make a fault of a procedure that is told the seam's first argument before it runs."""

    def seeded(tamper: Tamper) -> Fault:
        def tampering(original: Callable[..., Any]) -> Callable[..., Any]:
            def tampered(first: Any, *given: Any, **options: Any) -> Any:
                tamper(first)
                return original(first, *given, **options)

            return tampered

        return fault(_named(tamper, lambda: put(owner, name, tampering)))

    return seeded


def put(owner: object, name: str, tampering: Callable[[Callable[..., Any]], Any]) -> None:
    """Put in place of the owner's function what `tampering` makes of it."""
    setattr(owner, name, tampering(getattr(owner, name)))


def _named(tamper: Tamper, commit: Callable[[], None]) -> Callable[[], None]:
    return update_wrapper(commit, tamper)


state_written = after(capture, "model_state")
"""A fault from the state of a whole model to the state that is written of it."""

state_read = after(reader, "read_model")
"""A fault from the state that a whole-model file holds to the state that is read."""

weights_written = after(model_h5, "weights_state")
"""A fault from a model's weights to those that a file of weights is given."""

weights_read = after(reader, "read_weights")
"""A fault from the weights that a file holds to those that are read."""

model_saved = before(model_files, "save_model")
"""A fault done to the live model on its way to a whole-model file."""

weights_saved = before(model_files, "save_weights")
"""A fault done to the live model on its way to a file of weights."""
