"""Records of what a run could reach: what a subject exports, and the figures of each stratum."""

import msgspec

from saveproof.reports.records import Part, Record


class Stratum(Part, frozen=True, omit_defaults=True):
    """The examples of one stratum by what came of them.

    `judged` ones could have failed, and `failed` ones of them did: known issues and gaps too. On
    `vacuous` ones, no check could have failed. `not_applicable` ones were not judged at all, of
    which `why` is the first reason.
    """

    judged: int = 0
    failed: int = 0
    vacuous: int = 0
    not_applicable: int = 0
    why: str = ""


class Strata(Record, frozen=True, tag="strata"):
    """The figures of each stratum on one save path and kind of model, once a run.

    A stratum without any example could have come up.
    """

    subject: str
    path: str
    kind: str
    strata: dict[str, Stratum]

    @property
    def slot(self) -> tuple[str, str, str]:
        """The record's identity in a run."""
        return (self.subject, self.path, self.kind)


class OfClass(Part, frozen=True, omit_defaults=True):
    """A class that a subject exports: why each argument is left out by name, empty if it is not.

    With `left_out`, no example has the class.
    """

    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    left_out: str = ""


class Exported(Record, frozen=True, tag="exported"):
    """The classes that a subject exports, by their qualified names (`losses.Huber`)."""

    subject: str
    classes: dict[str, OfClass]
