"""Subjects for the exit codes of a run, beside those with faults."""

from dataclasses import replace

from saveproof.conformance.model_state.contract import Facet, Promise, promises
from tests.conformance.faulty import LosesMomentum


class ForgetsWithoutPromise(LosesMomentum):
    """Its momentum comes back as zeros, and no document says that it comes back."""

    def paths(self):
        """Return the path, with a contract that promises less."""
        should = promises(Promise.SHOULD, Facet.SLOTS)
        self.path.contract = replace(
            self.path.contract, facets={**self.path.contract.facets, **should}
        )
        return [self.path]
