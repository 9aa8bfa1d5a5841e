"""Contracts: which kinds of state a save path promises to keep, and what it must refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from saveproof.strategies.case import MODELS, Case, Departure, Kind


class Facet(StrEnum):
    """One kind of state."""

    ARCHITECTURE = "architecture"
    ARGUMENTS = "arguments"
    BEHAVIOUR = "behaviour"
    SHARING = "layer sharing"
    NAMES = "names"
    WEIGHTS = "weights"
    NON_TRAINABLE = "non-trainable state"
    TRAINABLE = "trainable flags"
    DTYPE_POLICY = "dtype policy"
    COMPILE = "compile settings"
    OPTIMIZER = "optimizer config"
    SLOTS = "optimizer slots"
    ITERATION = "iteration"
    LEARNING_RATE = "learning rate"
    RNG = "RNG state"
    METRICS = "metric state"
    RECURRENT = "recurrent state"


class Promise(StrEnum):
    """How strictly a path promises a facet."""

    MUST = "must"
    """The framework's documentation promises it."""
    SHOULD = "should"
    """An exact resume needs it; no document promises it. Missed, it is a gap, not a failure."""
    FRESH = "fresh"
    """It must not come back: the loaded model has its own initial state."""
    CODE = "code"
    """The model's code supplies it; the file promises nothing."""
    OUTPUTS = "outputs"
    """The file has it and shows it in outputs alone: what is loaded only computes them."""


class Demand(StrEnum):
    """What a load into code that departs from the code that saved must do.

    Right: all that the path promises is in its place, and other state is fresh or in its place.
    """

    RIGHT = "right"
    REFUSED = "refused"
    EITHER = "right or refused"


STRUCTURE = (Facet.ARCHITECTURE, Facet.ARGUMENTS, Facet.SHARING, Facet.NAMES, Facet.DTYPE_POLICY)
STATE = (Facet.WEIGHTS, Facet.NON_TRAINABLE)
TRAINING = (
    Facet.COMPILE,
    Facet.OPTIMIZER,
    Facet.SLOTS,
    Facet.ITERATION,
    Facet.LEARNING_RATE,
)
RESUME_ONLY = (Facet.RNG, Facet.METRICS, Facet.RECURRENT)


@dataclass(frozen=True)
class Exactness:
    """The tolerance of a comparison; 0 requires equal dtype, shape and bytes.

    It applies to outputs, losses and the state after further training. State that comes back from
    the file must always be equal to the byte. `half` replaces both tolerances where a layer
    computes in float16 or bfloat16.
    """

    rtol: float = 0.0
    atol: float = 0.0
    reason: str = "the same program on the same state: to the last bit"
    half: float = 0.0

    def of(self, case: Case) -> "Exactness":
        """Return the tolerance for the case, in the precision of its layers."""
        if not (self.half and case.in_half_precision):
            return self
        return replace(self, rtol=self.half, atol=self.half)


@dataclass(frozen=True)
class Contract:
    """What a save path promises, and the document that promises it.

    An absent facet has no promise. `kinds` are the kinds of model, or objects, that the path is
    for. `refuses` gives the reason of a refusal by kind of architecture.
    With `refuses_unbuilt`, a model without weights must be refused; without it, a path that saves
    weights and accepts such a model has a gap. `survives_failure` is the promise that a save over
    an earlier file leaves that file usable if it fails; None where the program itself writes the
    file. A path that `can_spare` has `save_new`, which leaves an earlier file as it is.
    `other_code` has the demand on loads into other code by departure; a path that needs no code has
    none.
    """

    document: str
    facets: Mapping[Facet, Promise]
    refuses: Mapping[Kind, str] = field(default_factory=dict)
    refuses_unbuilt: bool = False
    exactness: Exactness = Exactness()
    survives_failure: Promise | None = None
    can_spare: bool = False
    kinds: tuple[Kind, ...] = MODELS
    other_code: Mapping[Departure, Demand] = field(default_factory=dict)

    def file_promise(self, facet: Facet) -> Promise | None:
        """Return the promise of the file itself for the facet: MUST, SHOULD, or None."""
        promise = self.facets.get(facet)
        return promise if promise in (Promise.MUST, Promise.SHOULD) else None

    @property
    def comes_uncompiled(self) -> bool:
        """Whether neither the file nor the model's code compiles the loaded model."""
        compiled = self.facets.get(Facet.COMPILE) not in (None, Promise.FRESH)
        of_models = any(kind in MODELS for kind in self.kinds)
        return of_models and not (compiled or self.outputs_only)

    @property
    def outputs_only(self) -> bool:
        """Whether what is loaded computes outputs, and is neither trained nor saved again."""
        return Promise.OUTPUTS in self.facets.values()

    def speaks_of(self, facets: tuple[Facet, ...]) -> bool:
        """Return whether the contract covers the facets; a single one must be in the file."""
        if len(facets) == 1:
            return self.file_promise(*facets) is not None
        return not facets or self.promise(*facets) is not None

    def promise(self, *facets: Facet) -> Promise | None:
        """Return the weakest promise over the facets; None where one is not promised at all.

        Code-supplied facets count as promised: they do not depend on the file. So do those that
        outputs alone show.
        """
        promises = [self.facets.get(facet) for facet in facets]
        if any(promise in (None, Promise.FRESH) for promise in promises):
            return None
        return Promise.SHOULD if Promise.SHOULD in promises else Promise.MUST


def promises(promise: Promise, *groups: Facet | tuple[Facet, ...]) -> dict[Facet, Promise]:
    """Return one promise for every facet of the groups, to be merged with `|`."""
    facets = [f for group in groups for f in (group if isinstance(group, tuple) else (group,))]
    return dict.fromkeys(facets, promise)
