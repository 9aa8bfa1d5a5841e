"""Flags of generated cases: those in force at the save, and those that the last compile met."""

from hypothesis import given
from msgspec import structs

from saveproof.strategies.case import Case, Recompile, SetTrainable
from tests.strategies.test_cases import MANY, PLAIN


@MANY
@given(PLAIN)
def test_what_is_frozen_last_was_training(case: Case):
    """So that a load can put the flags back to what they were when the model was compiled."""
    *earlier, last = case.history.before
    history = structs.replace(case.history, before=tuple(earlier))

    if isinstance(last, SetTrainable):
        assert structs.replace(case, history=history).in_force != case.in_force


def flags_of(case: Case) -> list[bool]:
    return [layer.config.get("trainable", True) for layer in case.architecture.every_layer()]


@MANY
@given(PLAIN)
def test_the_flags_of_the_last_compile_are_those_before_what_was_frozen_since(case: Case):
    until = [n for n, event in enumerate(case.history.before, 1) if isinstance(event, Recompile)]
    events = case.history.before[: until[-1] if until else 0]
    compiled = structs.replace(case, history=structs.replace(case.history, before=events))

    assert flags_of(case.as_compiled) == flags_of(compiled.in_force)
    assert case.as_compiled.settings == case.final_settings
