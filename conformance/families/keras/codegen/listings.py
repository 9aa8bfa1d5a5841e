"""Listings: a case as the program that builds and trains its model, with its saves left open."""

from collections.abc import Iterator

from saveproof.conformance.families.keras.codegen.models import building
from saveproof.conformance.families.keras.codegen.training import event_lines, steps_lines
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.strategies.case import Case, Hop

SAVED = "# here, the model is saved and loaded; what was loaded is"


def listing_lines(subject: KerasSubject, case: Case) -> Iterator[str]:
    """Yield the source that a run executes for the case, except that of its save path."""
    run, resets = subject.as_run(case), subject.dialect.resets
    yield from building(run)
    for index, event in enumerate(run.history.before):
        if isinstance(event, Hop):
            yield f"{SAVED} `model` from now on"
        else:
            yield from event_lines(run, index, resets=resets)
    yield f"{SAVED} trained further as `model` is"
    yield from steps_lines(run, None, resets=resets)
