"""The JUnit XML report: a suite for each subject, a test case for each result."""

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from saveproof.reports.codes import code
from saveproof.reports.commands import commands, reduction
from saveproof.reports.gate import failing
from saveproof.reports.matrix import Matrix, Sheet
from saveproof.reports.records import SHOWN_NOTHING, UNEXPECTED, Finding, Place, Result, Verdict
from saveproof.reports.summary import headline, why
from saveproof.reports.wording import INCOMPLETE, MEANINGS, case_shown, printable

OUTCOMES = {
    Verdict.FAIL: "failure",
    Verdict.CRASH: "error",
    Verdict.TIMEOUT: "error",
    Verdict.MEMORY: "error",
    Verdict.HARNESS_ERROR: "error",
    Verdict.GAP: "skipped",
    Verdict.KNOWN: "skipped",
    Verdict.UNSTABLE: "skipped",
    Verdict.VACUOUS: "skipped",
    Verdict.NOT_SHOWN: "skipped",
    Verdict.REFUSED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_SHOWN: "skipped",
}
"""JUnit's outcome for a verdict; a pass has none."""


def junit(matrix: Matrix) -> str:
    """Return the results as JUnit XML.

    An incomplete run has an extra error, and one with unmet requirements an extra failure.
    The checks of a save path and kind of model share their examples, so each gets an equal part
    of their time.
    """
    root = ET.Element("testsuites", name=f"saveproof: {headline(matrix)}")
    for sheet in matrix.sheets:
        root.append(_suite(sheet, matrix))
    if not matrix.complete:
        root.append(
            _alone("run is complete", "error", "incomplete", [INCOMPLETE, *matrix.gate.missing])
        )
    if matrix.gate.unmet:
        root.append(_alone("requirements are met", "failure", "not met", matrix.gate.unmet))
    for figure in ("tests", "failures", "errors", "skipped"):
        root.set(figure, str(sum(int(suite.get(figure, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(sheet: Sheet, matrix: Matrix) -> ET.Element:
    results = [r for row in sheet.rows for cell in row.cells for r in cell.results]
    suite = ET.Element("testsuite", name=printable(sheet.subject.name))
    suite.set("timestamp", printable(matrix.header.started))
    properties = ET.SubElement(suite, "properties")
    files = {f"file of {module}": file for module, file in sheet.subject.files.items()}
    for name, value in (sheet.subject.environment | files).items():
        ET.SubElement(properties, "property", name=printable(name), value=printable(value))
    for cause in matrix.causes:
        if sheet.subject.name in cause.places:
            text = f"{cause.code}: {cause.title}"
            name = f"distinct defect {cause.id}"
            ET.SubElement(properties, "property", name=name, value=printable(text))
    checks = Counter(result.group for result in results)
    times = [result.seconds / checks[result.group] for result in results]
    for result, seconds in zip(results, times, strict=True):
        suite.append(_test_case(result, seconds, matrix))
    _count(suite, sum(times))
    return suite


def _test_case(result: Result, seconds: float, matrix: Matrix) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=printable(f"{result.subject}.{result.path}.{result.kind}"),
        name=printable(result.check),
        time=f"{seconds:.3f}",
    )
    if result.verdict in OUTCOMES:
        chosen = result.verdict in failing(matrix.header.policy) - UNEXPECTED
        name = "failure" if chosen else OUTCOMES[result.verdict]
        outcome = ET.SubElement(case, name, type=str(result.verdict))
        titles = "; ".join(finding.defect.title for finding in result.findings)
        reasons = why(result.reasons.get(result.verdict, {}))
        message = titles or reasons or MEANINGS[result.verdict]
        outcome.set("message", printable(f"{_judged(result)}: {message}"))
        texts = (
            _finding_text(finding, result.place, matrix.sources) for finding in result.findings
        )
        outcome.text = printable("\n\n".join(texts))
    return case


def _judged(result: Result) -> str:
    """Return how many examples were judged, and how many of these have the result's verdict."""
    if result.verdict in SHOWN_NOTHING or not result.judged:
        return f"{result.judged} of {result.examined} examples judged"
    found = result.tally.get(result.verdict, 0)
    return f"{found} of {result.judged} judged examples {result.verdict}"


def _finding_text(finding: Finding, place: Place, sources: Sequence[str]) -> str:
    defect = finding.defect
    expected, found = defect.difference.expected, defect.difference.found
    lines = [f"{code(defect)}: {defect.title}", finding.note]
    if finding.known:
        lines.append(f"known: {finding.known} {finding.link}".rstrip())
    if expected or found:
        lines += [f"at {defect.where}", f"expected {expected}", f"found {found}"]
    lines += [f"{one.how}: {one.found}" for one in finding.again]
    lines += [f"{case_shown(finding)}:", finding.drawing] if finding.drawing else []
    lines += [defect.traceback, *commands(finding, place, sources)]
    lines.append(reduction(finding, place, sources))
    return "\n".join(line for line in lines if line)


def _alone(name: str, outcome: str, type_: str, messages: Sequence[str]) -> ET.Element:
    """Return a suite of one test case, which is about the entire run."""
    suite = ET.Element("testsuite", name="saveproof")
    case = ET.SubElement(suite, "testcase", classname="saveproof", name=name)
    ET.SubElement(case, outcome, type=type_, message=printable("; ".join(messages)))
    _count(suite, 0.0)
    return suite


def _count(suite: ET.Element, seconds: float) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{seconds:.3f}")
