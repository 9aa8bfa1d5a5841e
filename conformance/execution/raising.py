"""Exceptions of a subject: those that end a trace, and those that say nothing of saving."""

from collections.abc import Iterator
from contextlib import contextmanager

from saveproof.conformance.model_state.subject import Unsupported
from saveproof.conformance.model_state.trace import Raised, Stage
from saveproof.conformance.processes.endings import ENDING, Fault, fault_of


class SubjectRaised(Exception):
    """The subject raised, which ends its trace."""

    def __init__(self, raised: Raised) -> None:
        super().__init__(raised.message)
        self.raised = raised


@contextmanager
def stage(stage: Stage) -> Iterator[None]:
    """Turn any exception into `SubjectRaised`, with the stage.

    `Unsupported` is no exception to this: a model that was built and trained must be saved.

    Raises:
        SubjectRaised: the subject raised.
    """
    try:
        yield
    except (SubjectRaised, *ENDING):
        raise
    except BaseException as error:
        raise SubjectRaised(raised_at(stage, fault_of(error))) from error


@contextmanager
def unsupported(doing: str) -> Iterator[None]:
    """Turn any exception into `Unsupported`: the subject can't do what the case asks for.

    Raises:
        Unsupported: the subject raised.
    """
    try:
        yield
    except (Unsupported, *ENDING):
        raise
    except BaseException as error:
        failed = Unsupported(f"{doing} raised {type(error).__name__}: {error}")
        failed.declared = False
        raise failed from error


def raised_at(stage: Stage, fault: Fault) -> Raised:
    """Return the record of an exception that was raised at the stage."""
    return Raised(
        stage, fault.kind, fault.message, fault.traceback, fault.unsupported, fault.function
    )
