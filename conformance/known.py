"""The list of known issues: prints it, checks it against subjects, and adds findings to it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

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


def checked(subjects: Iterable[str], files: Sequence[Path], limits: Limits) -> Iterator[Witness]:
    """Replay the witnesses of the subjects' known issues, on all of their save paths.

    Raises:
        InvalidKnownIssue: a file can't be read.
        UnusableSubject: a subject can't be used.
    """
    issues = known_issues(files, beside=packaged())
    replays = Replays(limits.timeout)
    for subject in subjects:
        with Child(EXAMINE, memory=limits.memory) as child:
            for issue in applicable(issues, subject, described(subject).environment()):
                for path in issue.paths:
                    yield replays.witness(
                        child, subject, path, issue, issues=issues, today=date.today()
                    )


def line(witness: Witness) -> str:
    """Return the line of a replayed witness: status, issue, place, and what to change."""
    place = f"{witness.status:16} {witness.issue}  {witness.subject} {witness.path}"
    return f"{place}\n  {witness.detail}" if witness.detail else place


def is_as_listed(witness: Witness) -> bool:
    """Return whether the witness shows its issue as the list has it."""
    return witness.status is WitnessStatus.STILL_FAILS


def added(
    reference: str,
    runs: Sequence[Path],
    at: At,
    *,
    reason: str,
    link: str = "",
    releases: str = "",
    file: Path,
) -> str:
    """Add an entry for the findings of a case to the file, and return the entry.

    They are those of the save path on which the case of this id was found, at the given place.
    Without `releases`, the entry is of the release that was tested and later ones.

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
    entry = _entry(_id(reason, taken), info, result, _same(finding, every), reason, link, releases)
    text = "\n".join([before, entry] if before else [entry])
    read_issues(text, str(file))
    write(file, text.encode())
    return entry


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
    result: Result,
    findings: Mapping[str, Sequence[Finding]],
    reason: str,
    link: str,
    releases: str,
) -> str:
    subject = result.subject.partition("==")[0].partition("@")[0]
    framework = subject.partition(":")[0]
    package = framework if framework in info.environment else next(iter(info.environment), "")
    spec = releases or (f">={info.environment[package]}" if package else "")
    patterns = {
        _toml({"check": check, **fields_of(one.defect)}): one
        for check, several in findings.items()
        for one in several
    }
    witness = to_json(case_of(next(iter(patterns.values())))).decode()
    lines = {
        "id": name,
        "subject": subject,
        "package": package if package != framework else "",
        "paths": [result.path],
        "releases": spec,
        "reason": reason,
        "link": link,
    }
    texts = [
        f"{key} = {_toml(value)}" for key, value in lines.items() if value or key == "releases"
    ]
    wanted = "".join(f"  {pattern},\n" for pattern in patterns)
    literal = _toml(witness) if "'" in witness else f"'{witness}'"
    return "\n".join(
        ["[[issue]]", *texts, f"findings = [\n{wanted}]", f"witnesses = [{literal}]", ""]
    )


def _toml(value: Any) -> str:
    """Return the value as TOML has it in one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
