"""Defects of each kind, as checks make them."""

from saveproof.reports.findings import Change, Defect, DefectKind, Difference


def state(facet, where="", change=Change.VALUE, *, place="", **fields):
    """Return an entry of a snapshot that differs; `place` has its classes, and its name last."""
    *classes, name = place.split("/")
    lost = facet in ("optimizer slots", "metric state")
    difference = Difference(where, "", "", Change(change))
    return Defect(
        DefectKind.STATE,
        difference,
        facet=facet,
        classes=tuple(classes),
        name=name,
        lost=lost,
        **fields,
    )


def output(index=0, **fields):
    """Return an output that differs."""
    difference = Difference(f"output {index}", "", "", Change.VALUE)
    return Defect(DefectKind.OUTPUT, difference, name=str(index), **fields)


def log(name="loss", step=1, kind=DefectKind.LOG, **fields):
    """Return a log that differs."""
    difference = Difference(name, "", "", Change.VALUE)
    return Defect(kind, difference, name=name, step=step, event="TrainOnBatch", **fields)


def trained_state(facet, where="", step=1, **fields):
    """Return state that training after the load made different."""
    difference = Difference(where, "", "", Change.VALUE)
    return Defect(DefectKind.TRAINED_STATE, difference, facet=facet, step=step, **fields)


def raised(action, exception="builtins.ValueError", words="", **fields):
    """Return an exception."""
    return Defect(
        DefectKind.RAISED,
        Difference(action, "", ""),
        action=action,
        exception=exception,
        words=words,
        **fields,
    )


def of_kind(kind, where="", **fields):
    """Return a defect of a kind that has no function here."""
    return Defect(kind, Difference(where, "", ""), **fields)
