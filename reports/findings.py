"""What a check found, as typed records: keys and titles are derived from their fields."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Change(StrEnum):
    """How an entry that was found differs from the one that was expected."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    ORDER = "order"
    DTYPE = "dtype"
    SHAPE = "shape"
    VALUE = "value"


CHANGES: Mapping[str, str] = {
    Change.VALUE: "another value",
    Change.SHAPE: "another shape",
    Change.DTYPE: "another dtype",
    Change.ORDER: "another order",
}
"""Changes in words, where one word will not do."""

LOST = "lost"
"""What an entry is where every change of it is one defect."""


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was expected in one place, and what was found there instead, as text.

    `where` names an entry of a snapshot, a file, a stage. Of numbers, `distance` is the greatest
    absolute difference and `magnitude` the greatest absolute value that was expected.
    """

    where: str
    expected: str
    found: str
    change: Change | None = None
    distance: float | None = None
    magnitude: float | None = None


class DefectKind(StrEnum):
    """What went wrong; with the key and the message of such a defect, which have room for fields.

    These are all the keys that there are, and all that is said of a minimal case.
    """

    STATE = ("state", "{d.facet}: {d.entry}", "{d.facet}: {d.where} ({d.difference.change})")
    OUTPUT = ("output", "outputs: value", "{d.where} differs")
    OUTPUT_COUNT = ("outputs", "outputs: count", "another number of outputs")
    LOG = ("log", "resume: {d.when} loss", "{d.name} differs in step {d.step}")
    LOG_COUNT = ("logs", "resume: {d.when} logs", "another number of logs in step {d.step}")
    LOG_NAMES = (
        "log names",
        "resume: {d.when} log names",
        "only one of the models logs {d.name} in step {d.step}",
    )
    TRAINED_STATE = (
        "trained state",
        "resume: {d.when} {d.facet}",
        "different {d.facet} after step {d.step}",
    )
    RAISED = (
        "exception",
        "{d.action}: raised {d.exception}: {d.words}",
        "{d.actor} raised {d.exception}",
    )
    NO_TRAINING = ("no training", "resume: missing", "the loaded model did not train")
    NOT_REFUSED = ("not refused", "refusal: missing", "what must be refused was accepted")
    UNCLEAR_REFUSAL = (
        "unclear refusal",
        "refusal: unclear {d.exception}",
        "the refusal does not say why",
    )
    NOT_FRESH = ("not fresh", "fresh: {d.facet}", "{d.facet} came back, expected fresh")
    LITTER = ("litter", "save: litter", "a save left {d.where} beside its target")
    OPEN_FILE = ("open file", "open file", "{d.where} was left open")
    REMNANT = (
        "remnant",
        "over: remnants",
        "a save over an earlier file left data of that in {d.where}",
    )
    SETTING = ("setting", "{d.action}: {d.name}", "a {d.action} changed {d.where}")
    SURROUNDINGS = ("surroundings", "{d.action}: {d.entry}", "a {d.action} changed {d.where}")
    DRAW = ("draw", "save: drew from {d.name}", "a save drew random numbers from {d.name}")
    LINK = ("link", "link: {d.name}", "{d.where} is {d.difference.found}")
    SAME_MODEL = ("same model", "again: the same model", "a second load gave the first model")
    OTHER_MODEL = (
        "other model",
        "{d.action}: {d.facet}",
        "a further load gave {d.facet} of another model",
    )
    ENDED = ("ended", "{d.name}: {d.words:.80}", "{d.words}")
    NOT_JUDGED = ("not judged", "{d.name}", "{d.words}")
    UNEXPLAINED = ("unexplained", "unexplained", "{d.name}, and the run recorded no finding")
    RECORDED = ("text", "{d.name}", "{d.words}")

    def __new__(cls, name: str, key: str, message: str) -> "DefectKind":
        """Return the kind of that name."""
        kind = str.__new__(cls, name)
        kind._value_, kind.key, kind.message = name, key, message
        return kind

    key: str
    message: str


MEASURED = frozenset({DefectKind.OUTPUT, DefectKind.LOG, DefectKind.TRAINED_STATE})
"""Kinds whose title gives the distance."""

ACTORS: Mapping[str, str] = {
    "resume": "the loaded model",
    "saved": "the saved model",
    "again": "a further load",
    "over": "a further load",
}
"""Who raises in an action; else it is the action itself, as a load."""


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a check found on one case; fields that say nothing of its kind are at their defaults.

    `facet` is the kind of state, `classes` the classes of the layers that lead to the entry, each
    inside the one before, and `name` what the entry is called in the last of them. `step` counts
    from 1; `event` is what the history had the model do in it. `action` is what was being done,
    `probe` what a trace must look at to show it. `words` are the error message without what varies
    from case to case. `lost` says that any change of such an entry is one defect. `origin` is what
    the load had lost before, from which this follows.
    """

    kind: DefectKind
    difference: Difference
    facet: str = ""
    classes: tuple[str, ...] = ()
    name: str = ""
    lost: bool = False
    step: int = 0
    event: str = ""
    action: str = ""
    probe: str = ""
    exception: str = ""
    words: str = ""
    optimizer: str = ""
    before_first_average: bool = False
    frozen_since_compile: bool = False
    origin: "Defect | None" = None
    traceback: str = ""

    @property
    def key(self) -> str:
        """What names the defect: the same on every case, model and layer that shows it."""
        comes_from = f", from {self.origin.key}" if self.origin else ""
        return self.kind.key.format(d=self) + self.circumstances + comes_from

    @property
    def message(self) -> str:
        """What is wrong on the minimal case."""
        return self.kind.message.format(d=self)

    @property
    def title(self) -> str:
        """What is wrong, in one line, as far as it holds for every case."""
        if self.kind is DefectKind.STATE:
            place = f" ({self.place})" if self.place else ""
            return f"{self.facet}{place}: {CHANGES.get(self.how, self.how)}{self.circumstances}"
        words = f": {self.words}" if self.kind is DefectKind.RAISED else ""
        end = f", from {self.origin.title}" if self.origin else self._measure
        return self.message + words + self.circumstances + end

    @property
    def where(self) -> str:
        """The place of the difference, with the step of the training that shows it."""
        where = self.difference.where
        if self.kind is DefectKind.TRAINED_STATE:
            return f"step {self.step}: {self.facet}: {where}"
        return f"step {self.step} ({self.event}){where and f': {where}'}" if self.step else where

    @property
    def lost_state(self) -> "Defect | None":
        """The state whose loss this is, or follows from; None where there is none."""
        return self.origin or (self if self.kind is DefectKind.STATE else None)

    @property
    def place(self) -> str:
        """Where in a model the entry is: classes, and its name in the last of them."""
        return "/".join(filter(None, (*self.classes, self.name)))

    @property
    def owner(self) -> str:
        """The class of the layer that has the entry; empty where no layer is known to have it."""
        return self.classes[-1] if self.classes else ""

    @property
    def how(self) -> str:
        """How the entry differs."""
        return LOST if self.lost else str(self.difference.change or "")

    @property
    def entry(self) -> str:
        """The entry and how it differs."""
        return " ".join(filter(None, (self.place, self.how)))

    @property
    def when(self) -> str:
        """In which step a trajectory diverges, as far as keys tell steps apart."""
        return "first step" if self.step == 1 else "later step"

    @property
    def actor(self) -> str:
        """Who raised."""
        return ACTORS.get(self.action, self.action)

    @property
    def circumstances(self) -> str:
        """What sets the case apart, where that bears on the defect."""
        return (
            (f" with {self.optimizer}" if self.optimizer else "")
            + (" before its first average" if self.before_first_average else "")
            + (" after freezing without compile" if self.frozen_since_compile else "")
        )

    @property
    def _measure(self) -> str:
        """By how much the values of the minimal case differ."""
        distance, magnitude = self.difference.distance, self.difference.magnitude
        if self.kind not in MEASURED or not distance or magnitude is None:
            return ""
        return f" by up to {distance:.2g} (expected values up to {magnitude:.2g})"
