"""The code of each kind of defect: stable names that `saveproof explain` explains."""

from collections.abc import Mapping
from typing import NamedTuple

from saveproof.reports.findings import Defect, DefectKind
from saveproof.reports.records import Verdict


class ByField(NamedTuple):
    """Codes by the value of a defect's field; `other` is for values that the table lacks."""

    field: str
    codes: Mapping[str, str]
    other: str


FACETS: Mapping[str, str] = {
    "architecture": "SP-ARCHITECTURE-CHANGED",
    "arguments": "SP-LAYER-ARGUMENT-CHANGED",
    "behaviour": "SP-BEHAVIOUR-CHANGED",
    "layer sharing": "SP-LAYER-SHARING-CHANGED",
    "names": "SP-NAME-CHANGED",
    "weights": "SP-WEIGHT-CHANGED",
    "non-trainable state": "SP-NON-TRAINABLE-STATE-CHANGED",
    "trainable flags": "SP-LAYER-FLAG-CHANGED",
    "dtype policy": "SP-DTYPE-POLICY-CHANGED",
    "compile settings": "SP-COMPILE-SETTING-CHANGED",
    "optimizer config": "SP-OPTIMIZER-SETTING-CHANGED",
    "optimizer slots": "SP-OPTIMIZER-SLOT-LOST",
    "iteration": "SP-ITERATION-LOST",
    "learning rate": "SP-LEARNING-RATE-CHANGED",
    "RNG state": "SP-RNG-STATE-LOST",
    "metric state": "SP-METRIC-STATE-LOST",
    "recurrent state": "SP-RECURRENT-STATE-LOST",
}
"""Codes of state that a load did not restore, by facet."""

EARLIER_FILE_LOST = "SP-EARLIER-FILE-LOST"

ACTIONS: Mapping[str, str] = {
    "save": "SP-SAVE-RAISED",
    "load": "SP-LOAD-RAISED",
    "resume": "SP-TRAINING-RAISED",
    "saved": "SP-SAVED-MODEL-RAISED",
    "second generation": "SP-SECOND-GENERATION-RAISED",
    "another process": "SP-OTHER-PROCESS-RAISED",
    "again": "SP-LATER-LOAD-RAISED",
    "over": "SP-LATER-LOAD-RAISED",
    "failed": EARLIER_FILE_LOST,
    "silent": EARLIER_FILE_LOST,
}
"""Codes of exceptions, by the action that raised."""

ENDINGS: Mapping[str, str] = {
    Verdict.TIMEOUT: "SP-PROCESS-TIMED-OUT",
    Verdict.MEMORY: "SP-PROCESS-OUT-OF-MEMORY",
    Verdict.HARNESS_ERROR: "SP-HARNESS-ERROR",
}
"""Codes of processes that gave no answer, by the verdict that names the defect."""

SAVE_CHANGES_MODEL = "SP-SAVE-CHANGES-MODEL"

CODES: Mapping[DefectKind, str | ByField] = {
    DefectKind.STATE: ByField("facet", FACETS, "SP-STATE-CHANGED"),
    DefectKind.NOT_FRESH: "SP-STATE-NOT-FRESH",
    DefectKind.INITIAL: "SP-INITIAL-VALUE-CHANGED",
    DefectKind.SPOILED: "SP-SAVE-SPOILS-ANOTHER",
    DefectKind.RAISED: ByField("action", ACTIONS, "SP-STEP-RAISED"),
    DefectKind.OUTPUT: "SP-OUTPUT-DIFFERS",
    DefectKind.OUTPUT_COUNT: "SP-OUTPUT-DIFFERS",
    DefectKind.LOG: "SP-TRAJECTORY-DIVERGES",
    DefectKind.TRAINED_STATE: "SP-TRAJECTORY-DIVERGES",
    DefectKind.LOG_COUNT: "SP-LOGS-DIFFER",
    DefectKind.LOG_NAMES: "SP-LOGS-DIFFER",
    DefectKind.NO_TRAINING: "SP-NO-TRAINING",
    DefectKind.NOT_REFUSED: "SP-REFUSAL-MISSING",
    DefectKind.UNCLEAR_REFUSAL: "SP-REFUSAL-UNCLEAR",
    DefectKind.LITTER: "SP-SAVE-LEFT-FILES",
    DefectKind.OPEN_FILE: "SP-FILE-LEFT-OPEN",
    DefectKind.SETTING: "SP-PROCESS-CHANGED",
    DefectKind.SURROUNDINGS: "SP-OTHER-FILE-CHANGED",
    DefectKind.DRAW: "SP-SAVE-DRAWS-RANDOM-NUMBERS",
    DefectKind.LINK: "SP-FILE-NEEDS-ANOTHER",
    DefectKind.SAME_MODEL: "SP-LOADS-SHARE-A-MODEL",
    DefectKind.OTHER_MODEL: ByField(
        "action",
        {
            "over": "SP-OVERWRITE-INCOMPLETE",
            "failed": EARLIER_FILE_LOST,
            "silent": EARLIER_FILE_LOST,
        },
        "SP-LOADS-SHARE-A-MODEL",
    ),
    DefectKind.OVERWRITTEN: "SP-OVERWRITE-UNWANTED",
    DefectKind.REMNANT: "SP-OVERWRITE-INCOMPLETE",
    DefectKind.ENDED: ByField("name", ENDINGS, "SP-PROCESS-CRASHED"),
    DefectKind.NOT_JUDGED: "SP-NOTHING-JUDGED",
    DefectKind.UNEXPLAINED: "SP-NO-FINDING-RECORDED",
    DefectKind.RECORDED: "SP-RECORDED-AS-TEXT",
}
"""The code of each kind of defect, or its codes by a field."""


def code(defect: Defect) -> str:
    """Return the defect's code: that of the lost state that caused it, if there is one.

    An exception and a save that spoils another keep their own code. State that a save changed has
    one code for all facets.
    """
    own = defect.kind in {DefectKind.RAISED, DefectKind.SPOILED}
    if defect.origin is not None and not own:
        return code(defect.origin)
    if defect.kind is DefectKind.STATE and defect.action:
        return SAVE_CHANGES_MODEL
    found = CODES[defect.kind]
    if isinstance(found, str):
        return found
    return found.codes.get(getattr(defect, found.field), found.other)


def every_code() -> tuple[str, ...]:
    """Return all codes, each once, in the order of the table."""
    codes = [SAVE_CHANGES_MODEL]
    for found in CODES.values():
        codes += [found] if isinstance(found, str) else [*found.codes.values(), found.other]
    return tuple(dict.fromkeys(codes))
