"""Defects as typed records; their keys and titles are derived from the fields."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Change(StrEnum):
    """How an entry differs from the expected one."""

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
"""Phrases for changes that the value alone does not explain."""

LOST = "lost"
"""The one word for every change of an entry, where all its changes are one defect."""


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The expected and the found value in one place, as text.

    `where` names an entry of a snapshot, a file or a stage. For numbers, `distance` is the largest
    absolute difference and `magnitude` the largest absolute expected value.
    """

    where: str
    expected: str
    found: str
    change: Change | None = None
    distance: float | None = None
    magnitude: float | None = None


class DefectKind(StrEnum):
    """The kinds of defect, each with the templates of its key and its message.

    Every key and every message of a report comes from these templates.
    """

    STATE = ("state", "{d.facet}: {d.entry}", "{d.facet}: {d.where} ({d.difference.change})")
    OUTPUT = ("output", "outputs: value", "{d.where} differs")
    OUTPUT_COUNT = ("outputs", "outputs: count", "different number of outputs")
    LOG = ("log", "resume: {d.log}", "{d.name} differs in step {d.step}")
    LOG_COUNT = ("logs", "resume: {d.when} logs", "different number of logs in step {d.step}")
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
        "{d.action}: raised {d.exception}: {d.words}{d.raised_in}",
        "{d.actor} raised {d.exception}",
    )
    NO_TRAINING = ("no training", "resume: missing", "the loaded model did not train")
    NOT_REFUSED = ("not refused", "refusal: missing", "a model that must be refused was accepted")
    UNCLEAR_REFUSAL = (
        "unclear refusal",
        "refusal: unclear {d.exception}",
        "the refusal does not say why",
    )
    NOT_FRESH = ("not fresh", "fresh: {d.facet}", "{d.facet} came back, expected fresh")
    INITIAL = (
        "initial",
        "initial {d.facet}: {d.place}",
        "initial {d.facet} ({d.place}): not the value in a new model",
    )
    LITTER = ("litter", "save: litter", "a save left {d.where} beside its target")
    OPEN_FILE = ("open file", "open file", "{d.where} was left open")
    REMNANT = (
        "remnant",
        "over: remnants",
        "a save over an earlier file left data of the earlier file in {d.where}",
    )
    SETTING = ("setting", "{d.action}: {d.name}", "a {d.action} changed {d.where}")
    SURROUNDINGS = ("surroundings", "{d.action}: {d.entry}", "a {d.action} changed {d.where}")
    DRAW = ("draw", "save: drew from {d.name}", "a save drew random numbers from {d.name}")
    LINK = ("link", "link: {d.name}", "{d.where} is {d.difference.found}")
    SAME_MODEL = ("same model", "again: the same model", "a second load returned the first model")
    OTHER_MODEL = (
        "other model",
        "{d.action}: {d.facet}",
        "a later load returned {d.facet} of a different model",
    )
    SPOILED = ("spoiled", "{d.sequence}: {d.suffering}", "{d.sequence}: {d.consequence}")
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
"""Kinds whose title includes the distance."""

ACTORS: Mapping[str, str] = {
    "resume": "the loaded model",
    "saved": "the saved model",
    "again": "a later load",
    "over": "a later load",
}
"""What raised the exception, by action; for other actions, the action's own name."""


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A defect that a check found on one case; fields that its kind does not use keep defaults.

    `facet` is the kind of state. `classes` are the classes of the layers around the entry, from
    the outermost to the innermost, and `name` is the entry's name in the innermost. `step` is a
    step of training, counted from 1, and `event` the event of the history that it belongs to.
    `metric` is the class or identifier of the metric whose log differs; a loss has none.
    `action` is the action during which the defect showed, and `probe` the probe that shows it.
    `function` is the innermost function of the framework that raised the exception, as
    `module.function`: two causes may raise the same error.
    `words` is the error message without the parts that vary from case to case. `lost` is true
    where every change of the entry counts as one defect. `origin` is the lost state that caused
    this defect.

    Where a save spoils what other paths do with the same model, `order` has the save paths in the
    order of their saves, `name` is the path that suffers, `origin` its defect, `check` the check
    that found it, and `facet` the kinds of state that are lost together.
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
    function: str = ""
    words: str = ""
    metric: str = ""
    optimizer: str = ""
    before_first_average: bool = False
    frozen_since_compile: bool = False
    origin: "Defect | None" = None
    traceback: str = ""
    order: tuple[str, ...] = ()
    check: str = ""

    @property
    def key(self) -> str:
        """The defect's identity: the same on every case, model and layer that shows it."""
        follows = self.origin and self.kind is not DefectKind.SPOILED
        comes_from = f", from {self.origin.key}" if self.origin and follows else ""
        return self.kind.key.format(d=self) + self.circumstances + comes_from

    @property
    def message(self) -> str:
        """A line on the defect in the minimal case."""
        return self.kind.message.format(d=self)

    @property
    def title(self) -> str:
        """A line on the defect that holds for every case with this key."""
        if self.kind is DefectKind.SPOILED and self.origin:
            return f"{self.sequence}: {self.origin.title}"
        if self.kind is DefectKind.STATE:
            place = f" ({self.place})" if self.place else ""
            return f"{self.facet}{place}: {CHANGES.get(self.how, self.how)}{self.circumstances}"
        words = f": {self.words}" if self.kind is DefectKind.RAISED else ""
        end = f", from {self.origin.title}" if self.origin else self._measure
        return self.message + words + self.circumstances + end

    @property
    def where(self) -> str:
        """The place of the difference, with the step of training that shows it."""
        where = self.difference.where
        if self.kind is DefectKind.TRAINED_STATE:
            return f"step {self.step}: {self.facet}: {where}"
        return f"step {self.step} ({self.event}){where and f': {where}'}" if self.step else where

    @property
    def lost_state(self) -> "Defect | None":
        """The lost state that this defect is, or that caused it; None without one."""
        return self.origin or (self if self.kind is DefectKind.STATE else None)

    @property
    def sequence(self) -> str:
        """The save paths in the order of their saves, and the one that suffers if not the last."""
        suffers = "" if self.order[-1:] == (self.name,) else f": {self.name}"
        return ", then ".join(self.order) + suffers

    @property
    def spoiler(self) -> str:
        """The path that spoils: the last before the path that suffers, or else the next one."""
        at = self.order.index(self.name) if self.name in self.order else 0
        others = self.order[:at][-1:] or self.order[at + 1 : at + 2]
        return others[0] if others else ""

    @property
    def consequence(self) -> str:
        """The message of the defect that a spoilt path shows."""
        return self.origin.message if self.origin else ""

    @property
    def suffering(self) -> str:
        """What a path loses that suffers: the kinds of state, or the key of what it shows."""
        return self.facet or (self.origin.key if self.origin else "")

    @property
    def place(self) -> str:
        """The entry's place in a model: the classes around it, and its name."""
        return "/".join(filter(None, (*self.classes, self.name)))

    @property
    def owner(self) -> str:
        """The class of the layer that has the entry; empty if no layer is known."""
        return self.classes[-1] if self.classes else ""

    @property
    def how(self) -> str:
        """How the entry differs."""
        return LOST if self.lost else str(self.difference.change or "")

    @property
    def entry(self) -> str:
        """The entry's place and how the entry differs."""
        return " ".join(filter(None, (self.place, self.how)))

    @property
    def when(self) -> str:
        """The step in which a trajectory diverges; keys distinguish only first and later."""
        return "first step" if self.step == 1 else "later step"

    @property
    def log(self) -> str:
        """What the log is of: a metric, in whatever step it differs, or a loss."""
        return f"metric {self.metric}" if self.metric else f"{self.when} loss"

    @property
    def actor(self) -> str:
        """What raised the exception."""
        return ACTORS.get(self.action, self.action)

    @property
    def raised_in(self) -> str:
        """The function that raised the exception."""
        return f" in {self.function}" if self.function else ""

    @property
    def circumstances(self) -> str:
        """The circumstances of the case that the defect depends on."""
        return (
            (f" with {self.optimizer}" if self.optimizer else "")
            + (" before its first average" if self.before_first_average else "")
            + (" after freezing without compile" if self.frozen_since_compile else "")
        )

    @property
    def _measure(self) -> str:
        """The size of the difference in the minimal case."""
        distance, magnitude = self.difference.distance, self.difference.magnitude
        if self.kind not in MEASURED or not distance or magnitude is None:
            return ""
        return f" by up to {distance:.2g} (expected values up to {magnitude:.2g})"
