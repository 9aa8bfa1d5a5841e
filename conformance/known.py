"""The list of known issues: prints it, checks it against subjects, and adds findings to it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from saveproof.conformance.campaigns.known_issues import (
    KnownIssue,
    fields_of,
    known_issues,
    packaged,
    read_issues,
)
from saveproof.conformance.campaigns.witnesses import Replays, applicable
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.pairs import is_pair
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.replay import At, case_of, found
from saveproof.conformance.runs.options import Limits
from saveproof.reports import store
from saveproof.reports.files import write
from saveproof.reports.merging import merge
from saveproof.reports.records import Finding, Result, SubjectInfo, Witness, WitnessStatus
from saveproof.strategies.case import to_json

_WORDS_OF_AN_ID = 6


class OfAPair(ValueError):
    """The finding is of a pair of subjects, and known issues are those of one."""


class AlreadyKnown(ValueError):
    """The finding is listed."""


def listed(files: Sequence[Path]) -> str:
    """Return the built-in issues and those of the files, as text.

    Raises:
        InvalidKnownIssue: a file can't be read.
    """
    return "\n\n".join(map(_described, known_issues(files, beside=packaged())))


def checked(
    subjects: Iterable[str],
    files: Sequence[Path],
    limits: Limits,
    tell: Callable[[str], None],
) -> bool:
    """Replay the witnesses of the subjects' known issues, on all of their save paths.

    Each is told in a line: status, issue, place, and what to change. Returns whether all still
    fail as listed.

    Raises:
        InvalidKnownIssue: a file can't be read.
        UnusableSubject: a subject can't be used.
    """
    issues = known_issues(files, beside=packaged())
    replays, as_listed = Replays(limits.timeout), True
    for subject in subjects:
        with Child(EXAMINE, memory=limits.memory) as child:
            for issue in applicable(issues, subject, described(subject).environment()):
                for path in issue.paths:
                    seen = replays.witness(
                        child, subject, path, issue, issues=issues, today=date.today()
                    )
                    tell(_line(seen))
                    as_listed &= seen.status is WitnessStatus.STILL_FAILS
    return as_listed


class Words(NamedTuple):
    """What only the user can say of an issue.

    Without `releases`, it is one of the release that was tested and of later ones.
    """

    reason: str
    link: str = ""
    releases: str = ""


def added(reference: str, runs: Sequence[Path], at: At, words: Words, file: Path) -> str:
    """Add an entry for the findings of a case to the file, and return the entry.

    They are those of the save path on which the case of this id was found, at the given place.

    Raises:
        NoSuchCase: the runs have no such finding.
        AlreadyKnown: it is listed.
        OfAPair: it is a finding of two subjects.
        InvalidCase: the run recorded no case.
        InvalidKnownIssue: the file can't be read, or the entry would not be valid.
        NotWritten: the file can't be written.
    """
    result, finding = found(reference, runs, at)
    if is_pair(result.subject):
        raise OfAPair(
            f"case {reference!r} was found on {result.subject!r}: list the issue of the subject "
            "that causes it, from a run of that subject"
        )
    if finding.known:
        raise AlreadyKnown(f"case {reference!r} is listed: {finding.known}")
    run = merge([store.read(run) for run in runs])
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    taken = {issue.id for issue in (*packaged(), *read_issues(before, str(file)))}
    (info,) = (one for one in run.header.subjects if one.name == result.subject)
    every = [r for r in run.results if At(result.subject, result.path, at.check).includes(r)]
    entry = _entry(_id(words.reason, taken), info, result.path, _same(finding, every), words)
    text = "\n".join([before, entry] if before else [entry])
    read_issues(text, str(file))
    write(file, text.encode())
    return entry


def _line(witness: Witness) -> str:
    place = f"{witness.status:16} {witness.issue}  {witness.subject} {witness.path}"
    return f"{place}\n  {witness.detail}" if witness.detail else place


def _described(issue: KnownIssue) -> str:
    until = f", until {issue.expires}" if issue.expires else ""
    return "\n".join(
        filter(
            None,
            [
                issue.id,
                f"  {issue.subject} {issue.releases}{until}: {', '.join(issue.paths)}",
                f"  {issue.reason}",
                f"  {issue.link}" if issue.link else "",
            ],
        )
    )


def _same(finding: Finding, results: Iterable[Result]) -> dict[str, list[Finding]]:
    """Return the findings of the same case that are not known, by check."""
    same: dict[str, list[Finding]] = {}
    for result in results:
        for one in result.findings:
            if one.case_id == finding.case_id and not one.known:
                same.setdefault(result.check, []).append(one)
    return same


def _id(reason: str, taken: Iterable[str]) -> str:
    """Return an id of the first words of the reason."""
    words = re.findall(r"[a-z0-9]+", reason.lower())[:_WORDS_OF_AN_ID]
    name = "-".join(words) or "issue"
    numbered = [name, *(f"{name}-{number}" for number in range(2, len(list(taken)) + 3))]
    return next(one for one in numbered if one not in set(taken))


def _entry(
    name: str,
    info: SubjectInfo,
    path: str,
    findings: Mapping[str, Sequence[Finding]],
    words: Words,
) -> str:
    """Return the text of an entry for the findings, which share a case, by check."""
    subject = info.name.partition("==")[0].partition("@")[0]
    framework = subject.partition(":")[0]
    package = framework if framework in info.environment else next(iter(info.environment), "")
    patterns = {
        _toml({"check": check, **fields_of(one.defect)}): one
        for check, several in findings.items()
        for one in several
    }
    witness = to_json(case_of(next(iter(patterns.values())))).decode()
    values = {
        "id": name,
        "subject": subject,
        "package": package if package != framework else "",
        "paths": [path],
        "releases": words.releases or (f">={info.environment[package]}" if package else ""),
        "reason": words.reason,
        "link": words.link,
    }
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if value]
    lines += [] if values["releases"] else ['releases = ""']
    listed = "".join(f"  {pattern},\n" for pattern in patterns)
    literal = _toml(witness) if "'" in witness else f"'{witness}'"
    return "\n".join(
        ["[[issue]]", *lines, f"findings = [\n{listed}]", f"witnesses = [{literal}]", ""]
    )


def _toml(value: Any) -> str:
    """Return the value as TOML has it in one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
