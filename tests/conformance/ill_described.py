"""Linear subjects that do not say what they are, for tests of what is refused before a run."""

from examples.linear_class import Linear, Npz
from saveproof.conformance.model_state.contract import Contract


class TwoOfOneName(Linear):
    """Two of its save paths have one name."""

    def paths(self) -> list[Npz]:
        return [Npz(), Npz()]


class NoPaths(Linear):
    """It has no save path."""

    def paths(self) -> list[Npz]:
        return []


class NoVersion(Linear):
    """Its library tells no version."""

    def environment(self) -> dict[str, str]:
        return {"mine": None}  # type: ignore[dict-item]  # that is what is wrong


class _NoDocument(Npz):
    contract = Contract(None, Npz.contract.facets)  # type: ignore[arg-type]  # likewise


class NoDocument(Linear):
    """Its contract rests on no document."""

    path = _NoDocument()


class CannotBeMade(Linear):
    """It lacks something when it is made."""

    def __init__(self) -> None:
        raise ModuleNotFoundError("no licence")


class PathsRaise(Linear):
    """It raises when asked for its save paths."""

    def paths(self) -> list[Npz]:
        raise KeyError("npz")


class Nameless(Linear):
    """It has no name."""

    name = None  # type: ignore[assignment]  # likewise


class Imagines(Linear):
    """It says that it has a layer that no case has."""

    capabilities = Linear.capabilities.but(layers=("Dense", "Hologram"))
