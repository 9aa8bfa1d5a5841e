"""The badge: a run's verdict as a small SVG."""

from saveproof.reports.matrix import Matrix
from saveproof.reports.records import UNEXPECTED, Verdict
from saveproof.reports.rendering import rendered
from saveproof.reports.summary import verdict

GREEN, YELLOW, RED, GREY = "#2c7a3f", "#8a6100", "#b3261e", "#5f6368"


def badge(matrix: Matrix) -> str:
    """Return the run's verdict as an SVG badge."""
    passing = matrix.clean and not matrix.defects and Verdict.NOT_SHOWN not in matrix.cells
    message = "passing" if passing else verdict(matrix)
    values = {"label": "saveproof", "message": message, "color": _color(matrix)}
    return rendered("badge.svg.j2", values)


def _color(matrix: Matrix) -> str:
    if UNEXPECTED & matrix.defects.keys():
        return RED
    if not matrix.complete or not matrix.models.judged:
        return GREY
    if not matrix.clean:
        return RED
    return YELLOW if Verdict.GAP in matrix.defects else GREEN
