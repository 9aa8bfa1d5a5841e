"""Linear subjects with broken adapters, for tests that none of them is green."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from examples.linear_class import Linear, Model, Npz
from saveproof.conformance.checks import facets
from saveproof.conformance.execution import adapter
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows
from tests.conformance.faulty import LosesMomentum


class NeverPredicts(Linear):
    """Its adapter raises whenever outputs are asked for."""

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise KeyError(f"no outputs of {len(inputs)} inputs by {len(model.kernel)} rows")


class TrainsOnce(Linear):
    """Its adapter raises in all training after the first step."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        if model.steps:
            raise ZeroDivisionError("a second step")
        return super().perform(model, event, rows)


class _Uncompiled(Npz):
    contract = replace(
        Npz.contract,
        facets={f: p for f, p in Npz.contract.facets.items() if f is not Facet.COMPILE},
    )


class NeverCompiles(Linear):
    """Its adapter raises whenever it has to compile what came back."""

    path = _Uncompiled()

    def compile(self, model: Model, case: Case) -> None:
        raise TypeError(f"no way to compile {len(model.kernel)} rows for {case.id}")


class LogsNothing(Linear):
    """Its training tells nothing."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        super().perform(model, event, rows)
        return []


class TellsNothing(Linear):
    """Its snapshots are empty."""

    def snapshot(self, model: Model) -> Snapshot:  # noqa: ARG002 - it tells of none
        return Snapshot({Facet.WEIGHTS: {}})


class TellsOddly(Linear):
    """Its snapshots have a tuple where a mapping should be."""

    def snapshot(self, model: Model) -> Snapshot:
        odd = {Facet.SLOTS: (1, 2)}
        return Snapshot({**super().snapshot(model).facets, **odd})  # type: ignore[dict-item] # odd


class TellsAlive(Linear):
    """Its snapshots hold the live arrays."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        kernel, model.kernel = model.kernel, model.kernel.copy()
        logs = super().perform(model, event, rows)
        kernel[:] = model.kernel
        model.kernel = kernel
        return logs

    def snapshot(self, model: Model) -> Snapshot:
        live = {Facet.WEIGHTS: {"kernel": model.kernel}}
        return Snapshot({**super().snapshot(model).facets, **live})


class AlwaysTheSame(Linear):
    """Its outputs and losses are numbers that it makes up."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        return [{"loss": 0.5} for _ in super().perform(model, event, rows)]

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.ones_like(output) for output in super().predict(model, inputs)]


class ChangesTheCase(Linear):
    """It takes the name out of the case's layers while it builds."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        model = super().build(case, built=built)
        case.architecture.layers[0].config.pop("name")
        return model


class ChangesTheRows(Linear):
    """It normalizes the rows that it is handed in place."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        if rows is not None:
            rows.inputs[0][:] -= rows.inputs[0].mean()
        return super().perform(model, event, rows)


class PatchesTheJudges(LosesMomentum):
    """It has the checks find nothing."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        facets.survives = lambda trace, facet: ()  # type: ignore[assignment] # noqa: ARG005
        return super().build(case, built=built)


class PatchesTheAdapter(LosesMomentum):
    """It has its arrays pass for copies."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        adapter.shared = lambda one, other: ""  # noqa: ARG005
        return super().build(case, built=built)


class PatchesCode(LosesMomentum):
    """It has the checks find nothing, and leaves their names alone."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        facets.survives.__code__ = (lambda trace, facet: ()).__code__  # noqa: ARG005
        return super().build(case, built=built)
