"""Defects as typed records; their keys and titles are derived from the fields.

Long because a defect is one record: its kinds, their templates, and what is derived stand together.
"""

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


CHANGES: Mapping[Change | None, str] = {
    Change.MISSING: "missing",
    Change.UNEXPECTED: "unexpected",
    Change.SHAPE: "another shape",
    Change.DTYPE: "another dtype",
    Change.ORDER: "another order",
}
"""Phrases for changes that the expected and the found value alone do not explain."""

ANOTHER_VALUE = "another value"
"""The phrase for values that a title does not show."""

LOST = "lost"
"""The one word for every change of an entry, where all its changes are one defect."""


LONGEST = 200
"""Values with more characters than this are shown with the finding, but not in its title."""


def plain(exception: str) -> str:
    """Return an exception's class as programs name it: built-in ones without their module."""
    return exception.removeprefix("builtins.")


class Element(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The element of a value that differs most, or the first one of text, as short text.

    `index` is its place in the value, empty for a single number. Of `size` elements, `differing`
    differ.
    """

    expected: str
    found: str
    index: str = ""
    differing: int = 1
    size: int = 1


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
    element: Element | None = None

    @property
    def values(self) -> tuple[str, str]:
        """The expected and the found value in one line each: those of the differing element."""
        one = self.element
        texts = (one.expected, one.found) if one else (self.expected, self.found)
        expected, found = (" ".join(text.split()) for text in texts)
        return expected, found


class DefectKind(StrEnum):
    """The kinds of defect, each with the templates of its key and its message.

    Every key and every message of a report comes from these templates. `{d.values}` is the
    expected and the found value of the case.
    """

    STATE = ("state", "{d.facet}: {d.entry}", "{d.facet}{d.bracket} {d.since}{d.values}")
    OUTPUT = ("output", "outputs: value", "{d.where}{d.values}")
    OUTPUT_COUNT = ("outputs", "outputs: count", "number of outputs{d.values}")
    LOG = ("log", "resume: {d.log}", "{d.name} at step {d.step}{d.values}")
    LOG_COUNT = ("logs", "resume: {d.when} logs", "number of logs at step {d.step}{d.values}")
    LOG_NAMES = (
        "log names",
        "resume: {d.when} log names",
        "{d.name} at step {d.step}, which only one of the models logs{d.values}",
    )
    TRAINED_STATE = (
        "trained state",
        "resume: {d.when} {d.facet}",
        "{d.facet} after step {d.step}{d.bracket}{d.values}",
    )
    RAISED = (
        "exception",
        "{d.action}: raised {d.exception}: {d.words}{d.raised_in}",
        "{d.actor} raised {d.error}",
    )
    NO_TRAINING = ("no training", "resume: missing", "the loaded model did not train{d.values}")
    NOT_REFUSED = (
        "not refused",
        "refusal: missing",
        "a model that must be refused was accepted{d.values}",
    )
    UNCLEAR_REFUSAL = (
        "unclear refusal",
        "refusal: unclear {d.exception}",
        "the refusal does not say why{d.values}",
    )
    NOT_FRESH = ("not fresh", "fresh: {d.facet}", "{d.facet}{d.bracket}{d.values}")
    INITIAL = (
        "initial",
        "initial {d.facet}: {d.place}",
        "initial {d.facet}{d.bracket} unlike a new model's{d.values}",
    )
    LITTER = ("litter", "save: litter", "a save left {d.where} beside its target")
    OPEN_FILE = ("open file", "open file", "{d.where} was left open")
    REMNANT = (
        "remnant",
        "over: remnants",
        "a save over an earlier file left data of the earlier file in {d.where}",
    )
    SETTING = ("setting", "{d.action}: {d.name}", "a {d.action} changed {d.where}{d.values}")
    SURROUNDINGS = (
        "surroundings",
        "{d.action}: {d.entry}",
        "a {d.action} changed {d.where}{d.values}",
    )
    DRAW = ("draw", "save: drew from {d.name}", "a save drew random numbers from {d.name}")
    LINK = ("link", "link: {d.name}", "{d.where} is {d.difference.found}")
    SAME_MODEL = ("same model", "again: the same model", "a second load returned the first model")
    OTHER_MODEL = (
        "other model",
        "{d.action}: {d.facet}",
        "a later load returned {d.facet} of a different model{d.bracket}{d.values}",
    )
    OVERWRITTEN = (
        "overwritten",
        "overwrite=False: {d.difference.change}",
        "a save with overwrite=False changed {d.where}{d.values}",
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


ACTORS: Mapping[str, str] = {
    "resume": "the loaded model",
    "saved": "the saved model",
    "again": "a later load",
    "over": "a later load",
    "failed": "a load after a failed save",
    "silent": "a load after a save that failed without an error",
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
    `words` is the error message without the parts that vary from case to case, and `said` its line
    that says what went wrong, as the case shows it. `loading` is how the code that loads departs
    from the code that saved, if it does. `lost` is true where every change of the entry counts as
    one defect. `origin` is the lost state that caused this defect.

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
    said: str = ""
    optimizer: str = ""
    before_first_average: bool = False
    frozen_since_compile: bool = False
    loading: str = ""
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
        """A line on what the case showed: what was expected, and what was found."""
        return self.kind.message.format(d=self)

    @property
    def title(self) -> str:
        """The message, with the circumstances and the lost state that explain it."""
        if self.kind is DefectKind.SPOILED and self.origin:
            return f"{self.sequence}: {self.origin.title}"
        lost = self.origin and f", after the load lost {self.origin.facet}{self.origin.bracket}"
        circumstances = self.circumstances and f",{self.circumstances}"
        return self.message + circumstances + (lost or "")

    @property
    def values(self) -> str:
        """The end of a message: the expected and the found value, if they are short."""
        change = CHANGES.get(self.difference.change, "")
        expected, found = self.difference.values
        if not (expected or found):
            return f": {change or ANOTHER_VALUE}" if self.difference.change else ""
        if max(len(expected), len(found)) > LONGEST:
            return f": {change or ANOTHER_VALUE}"
        place = self.difference.element and self.difference.element.index
        at = f" {place}" if place else ""
        return f"{at}: {change and f'{change}: '}expected {expected}, got {found}"

    @property
    def bracket(self) -> str:
        """The place of the difference in brackets; empty if there is none."""
        place = self.place if self.kind is DefectKind.STATE else self.difference.where
        return f" ({place})" if place else ""

    @property
    def since(self) -> str:
        """What an entry of a snapshot differs after: the save of the live model, or a load."""
        return "after the save" if self.action else "after the load"

    @property
    def error(self) -> str:
        """The exception, as a traceback ends."""
        return f"{plain(self.exception)}: {self.said or self.words}"

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
            + (f" by other code ({self.loading})" if self.loading else "")
        )
