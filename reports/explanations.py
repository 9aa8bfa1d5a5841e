"""What the codes of defects mean: the texts of `saveproof explain` and of docs/codes.md."""

import functools
from collections.abc import Mapping, Sequence
from importlib.resources import files
from textwrap import fill

import msgspec

from saveproof.reports.causes import Cause
from saveproof.reports.codes import every_code
from saveproof.reports.matrix import Matrix
from saveproof.reports.wording import places, totals

SPECIFICATION = "docs/spec.md"

WIDTH = 78
"""Columns of a text for the terminal."""


class UnknownCode(ValueError):
    """No defect has this code, or no distinct defect of the runs has this id."""


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a code means: a sentence, and what was seen, broken, the usual cause, and advice.

    `checks` are the checks whose statement it breaks, and `section` is the section of the
    specification that covers it.
    """

    title: str
    meaning: str
    checks: tuple[str, ...]
    section: str
    cause: str
    advice: str


@functools.cache
def explanations() -> Mapping[str, Explanation]:
    """Return the explanation of each code."""
    text = (files("saveproof.reports") / "codes.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, Explanation])


def listed() -> str:
    """Return one line for each code: the code and its sentence."""
    return "\n".join(f"{code:30} {explanations()[code].title}" for code in every_code())


def explained(code: str, statements: Mapping[str, str]) -> str:
    """Return what a code means, for a terminal; `statements` are those of the checks, by name.

    Raises:
        UnknownCode: there is no such code; the message lists all of them.
    """
    one = explanations().get(code.upper())
    if one is None:
        raise UnknownCode(f"{code!r}: expected one of {sorted(explanations())}, or a short id")
    parts = {
        "What it means": one.meaning,
        "What it breaks": f"{SPECIFICATION}, {one.section}.",
        "How it usually comes about": one.cause,
        "What to do": one.advice,
    }
    lines = [code.upper(), fill(one.title, WIDTH)]
    for heading, text in parts.items():
        lines += ["", heading, fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ")]
        if text is parts["What it breaks"]:
            lines += [_clause(name, statements) for name in one.checks]
    return "\n".join(lines)


def explained_cause(cause: Cause, statements: Mapping[str, str]) -> str:
    """Return a distinct defect of a run, and what its code means."""
    head = (f"{cause.id}: {cause.title}", f"{cause.verdict} on {places(cause)}; {totals(cause)}")
    said = (fill(text, WIDTH) for text in head)
    return "\n".join([*said, "", explained(cause.code, statements)])


def distinct_defect(matrix: Matrix, wanted: str) -> Cause:
    """Return the distinct defect with the id.

    Raises:
        UnknownCode: the run has none; the message lists the ids that it has.
    """
    for cause in matrix.causes:
        if cause.id == wanted:
            return cause
    ids = [cause.id for cause in matrix.causes]
    raise UnknownCode(f"{wanted!r}: expected a code, or the id of a distinct defect: one of {ids}")


def markdown(statements: Mapping[str, str]) -> str:
    """Return docs/codes.md: a table of all codes, then a section for each."""
    table = ["| code | defect |", "|---|---|"]
    table += [f"| [{c}](#{c.lower()}) | {explanations()[c].title} |" for c in every_code()]
    sections = (_section(code, explanations()[code], statements) for code in every_code())
    return "\n\n".join([_HEAD, "\n".join(table), *sections]) + "\n"


_HEAD = """\
# Codes

Each distinct defect of a report has one of these codes; `saveproof explain CODE` prints its text.
A code says what kind of thing went wrong. The short id beside it in a report is that of one defect.

This page is printed by `saveproof explain --format markdown`."""


def _clause(name: str, statements: Mapping[str, str]) -> str:
    text = f"{name}: {statements[name]}"
    return fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _section(code: str, one: Explanation, statements: Mapping[str, str]) -> str:
    lines: Sequence[str] = [
        f"## {code}",
        one.title,
        one.meaning,
        f"*Breaks* [{one.section}](spec.md#{_anchor(one.section)}) of the specification.",
        *(f"- `{name}`: {statements[name]}" for name in one.checks),
        f"*Usual cause.* {one.cause}",
        f"*What to do.* {one.advice}",
    ]
    return "\n\n".join(lines).replace(".\n\n- `", ".\n- `")


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-").replace('"', "")
