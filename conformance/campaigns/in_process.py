"""Examines cases in this process: for debuggers, and for a subject that is no name."""

from dataclasses import dataclass

from saveproof.conformance.campaigns.worker import Request, examined
from saveproof.conformance.model_state.subject import Subject
from saveproof.conformance.processes import wire


@dataclass(frozen=True)
class InThisProcess:
    """Examines cases with a subject of this process.

    There are no limits: a case that crashes or hangs does so to this process. Nothing is loaded in
    another process either, so that checks of such a load are not applicable.
    """

    subject: Subject

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 (a child has limits)
        """Return the encoded reports."""
        return wire.encode(examined(self.subject, wire.decode(request, Request)))
