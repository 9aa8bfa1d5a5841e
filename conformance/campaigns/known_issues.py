"""Known issues: listed findings, each with its reason and the witness that shows it.

docs/known-issues.md describes the files.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from saveproof.conformance.checks import EVERY_CHECK
from saveproof.conformance.families.description import described
from saveproof.reports.findings import Defect, DefectKind

FOLDER = Path(__file__).parents[1] / "known_issues"
"""The listed issues of the built-in subjects: one file a framework."""

ANY = "*"
"""A wanted value that ends so stands for every text that begins as it does."""

_MEASURED = frozenset({"difference", "traceback", "step", "event", "said", "check"})
"""Fields of a defect that differ from case to case."""

_FIELDS: Mapping[str, Any] = {
    field.name: None if field.default is msgspec.NODEFAULT else field.default
    for field in msgspec.structs.fields(Defect)
    if field.name not in _MEASURED | {"classes", "lost"}
} | {"owner": "", "how": "", "when": ANY, "function": ANY}
"""What a finding is matched by, with the value of a field that an entry leaves out.

`owner` stands for `classes`, and `how` for `lost` and the change. Releases name the `function`
that raises differently.
"""

_KINDS = frozenset(map(str, DefectKind))


class InvalidKnownIssue(ValueError):
    """A file of known issues can't be read; the message says which entry, and what is wrong."""


class ListedFinding(msgspec.Struct, frozen=True):
    """A finding that an issue explains: its checks, its save paths, and the fields of its defect.

    Without paths of its own, it shows on all paths of the issue.
    """

    checks: tuple[str, ...]
    fields: dict[str, Any]
    paths: tuple[str, ...] = ()

    def explains(self, path: str, check: str, defect: Defect) -> bool:
        """Return whether the defect of that check and save path is this one."""
        return check in self.checks and self.is_on(path) and _fits(defect, self.fields)

    def is_on(self, path: str) -> bool:
        """Return whether the finding shows on the save path."""
        return path in self.paths or not self.paths

    def __str__(self) -> str:
        return f"{' or '.join(self.checks)}: {self.fields}"


class KnownIssue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listed issue of a subject, with the releases and save paths that have it.

    `subject` is a name without release, environment or (if it has none) backend; `backend` names
    the backends that have the issue, if not all do. `releases` is a range (PEP 440) of the
    `package` that the subject is, or is named after. `witnesses` are small cases as JSON; together,
    they show each of the findings on each of the paths. `file` is the file that lists it.
    """

    id: str
    subject: str
    paths: tuple[str, ...]
    releases: str
    reason: str
    findings: tuple[ListedFinding, ...]
    witnesses: tuple[str, ...]
    link: str = ""
    backend: tuple[str, ...] = ()
    package: str = ""
    expires: date | None = None
    file: str = ""

    def is_of(self, subject: str) -> bool:
        """Return whether a release of the subject, on some backend, may have the issue."""
        name = subject.partition("==")[0].partition("@")[0]
        return self.subject in (subject, name, name.partition(":")[0])

    def is_on_backend(self, environment: Mapping[str, str]) -> bool:
        """Return whether the issue is one of the subject's backend."""
        return not self.backend or any(name in environment for name in self.backend)

    def covers(self, environment: Mapping[str, str]) -> bool:
        """Return whether the range includes the subject's release."""
        release = environment.get(self.of_package)
        allowed = SpecifierSet(self.releases)
        return not self.releases or (release is not None and allowed.contains(release, True))

    @property
    def of_package(self) -> str:
        """The package whose releases are listed."""
        return self.package or self.subject.partition(":")[0]

    def explains(self, path: str, check: str, defect: Defect) -> bool:
        """Return whether the finding is this one, in any release."""
        return path in self.paths and any(f.explains(path, check, defect) for f in self.findings)

    def findings_on(self, path: str) -> tuple[ListedFinding, ...]:
        """Return the findings that show on the save path."""
        return tuple(finding for finding in self.findings if finding.is_on(path))

    def may_show(self, kind: str, checks: Sequence[str]) -> bool:
        """Return whether a witness is a model of that kind, and some check finds the issue."""
        found = {check for finding in self.findings for check in finding.checks}
        return not found.isdisjoint(checks) and any(
            f'"kind":"{kind}"' in witness for witness in self.witnesses
        )

    def has_expired(self, today: date) -> bool:
        """Return whether the issue is no longer expected."""
        return self.expires is not None and self.expires < today


Place = tuple[str, str]
"""A subject and a save path."""


def environment_of(subject: str) -> Mapping[str, str]:
    """Return the versions of the subject's packages."""
    return described(subject).environment()


def explaining(
    places: Iterable[Place],
    check: str,
    defect: Defect,
    issues: Sequence[KnownIssue],
    environment: Callable[[str], Mapping[str, str]] = environment_of,
) -> tuple[KnownIssue | None, str]:
    """Return the first issue that explains the finding; without one, what is listed elsewhere.

    The text is of an issue that other releases of the subject have; empty if there is none.
    """
    note = ""
    for subject, path in places:
        for issue in issues:
            if not (issue.is_of(subject) and issue.explains(path, check, defect)):
                continue
            versions = environment(subject)
            if not issue.is_on_backend(versions):
                continue
            if issue.covers(versions):
                return issue, ""
            release = versions.get(issue.of_package, "no release")
            note = (
                f"known issue {issue.id!r} lists it for {issue.of_package} {issue.releases} only, "
                f"found in {release}: if it is the same, change `releases` in {issue.file}"
            )
    return None, note


@cache
def packaged() -> tuple[KnownIssue, ...]:
    """Return the listed issues of the built-in subjects."""
    return known_issues(sorted(FOLDER.glob("*.toml")))


def known_issues(
    files: Iterable[Path], *, beside: Iterable[KnownIssue] = ()
) -> tuple[KnownIssue, ...]:
    """Return the issues in the files, after the others.

    Raises:
        InvalidKnownIssue: a file can't be read, an entry is not valid, or two have one id.
    """
    every = (*beside, *chain.from_iterable(map(_read, files)))
    places: dict[str, str] = {}
    for issue in every:
        if issue.id in places:
            raise InvalidKnownIssue(
                f"{issue.file}: entry {issue.id!r}: expected an id of its own, found the same in "
                f"{places[issue.id]}"
            )
        places[issue.id] = issue.file
    return every


def _read(file: Path) -> Iterable[KnownIssue]:
    try:
        return read_issues(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidKnownIssue(f"{file}: expected a file of known issues: {error}") from error


def read_issues(text: str, file: str) -> list[KnownIssue]:
    """Return the issues in the text of that file.

    Raises:
        InvalidKnownIssue: it is no TOML, or an entry is not valid.
    """
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidKnownIssue(f"{file}: expected TOML: {error}") from error
    entries = read.pop("issue", [])
    if read or not isinstance(entries, list):
        raise InvalidKnownIssue(f"{file}: expected [[issue]] entries only, found {sorted(read)}")
    return [_entry(file, number, one) for number, one in enumerate(entries, 1)]


def _entry(file: str, number: int, entry: Any) -> KnownIssue:
    name = repr(entry["id"]) if isinstance(entry, dict) and "id" in entry else f"number {number}"
    where = f"{file}: entry {name}"
    if not isinstance(entry, dict) or not isinstance(entry.get("findings"), list):
        raise InvalidKnownIssue(f"{where}: expected a list of `findings`, found none")
    findings = [_finding(where, one) for one in entry["findings"]]
    try:
        issue = msgspec.convert({**entry, "findings": findings}, KnownIssue)
        SpecifierSet(issue.releases)
    except (msgspec.ValidationError, InvalidSpecifier) as error:
        raise InvalidKnownIssue(f"{where}: {error}") from error
    for empty in ("id", "paths", "findings", "witnesses", "reason"):
        if not getattr(issue, empty):
            raise InvalidKnownIssue(f"{where}: expected at least one value in {empty!r}")
    return replace(issue, file=file)


def _finding(where: str, given: Any) -> ListedFinding:
    fields = dict(given) if isinstance(given, dict) else {}
    checks, paths = _texts(fields.pop("check", ())), _texts(fields.pop("path", ()))
    _refuse(where, "check", set(checks) - EVERY_CHECK, EVERY_CHECK)
    if not checks:
        raise InvalidKnownIssue(f"{where}: expected a `check` in each finding, found {given!r}")
    _refuse_fields(where, fields)
    return ListedFinding(checks, fields, paths)


def _refuse_fields(where: str, fields: Mapping[str, Any]) -> None:
    """Refuse fields that no defect has, and values that they can't have."""
    _refuse(where, "field", fields.keys() - _FIELDS.keys(), _FIELDS.keys())
    _refuse(where, "kind", set(_texts(fields.get("kind", ""))) - _KINDS, _KINDS)
    for name, wanted in fields.items():
        for one in wanted if isinstance(wanted, list) else [wanted]:
            if name == "origin" and isinstance(one, dict):
                _refuse_fields(f"{where}: origin", one)
                continue
            kind = bool if _FIELDS[name] is False else str
            if one != ANY and (not isinstance(one, kind) or name == "origin"):
                expected = "a table" if name == "origin" else f"a {kind.__name__}"
                raise InvalidKnownIssue(
                    f"{where}: {name!r}: expected {expected}, {ANY!r} or a list, found {one!r}"
                )


def _refuse(where: str, what: str, unknown: Iterable[str], known: Iterable[str]) -> None:
    if found := sorted(unknown):
        raise InvalidKnownIssue(
            f"{where}: expected a {what} of {sorted(known)}, found {', '.join(map(repr, found))}"
        )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)


def _fits(value: object, wanted: object) -> bool:
    """Return whether the value is the wanted one, or one of a list.

    A table stands for a defect with these fields; those that it leaves out must be empty. A list
    for a field that is a list itself, an order of save paths, is that order.
    """
    if isinstance(value, tuple):
        return wanted == ANY or (isinstance(wanted, list | tuple) and value == tuple(wanted))
    if isinstance(wanted, list):
        return any(_fits(value, one) for one in wanted)
    if isinstance(wanted, dict):
        return isinstance(value, Defect) and all(
            _fits(getattr(value, name), wanted.get(name, default))
            for name, default in _FIELDS.items()
        )
    if isinstance(wanted, str) and ANY in (wanted[:1], wanted[-1:]):
        return _is_like(str(value), wanted)
    return value == wanted


def _is_like(text: str, wanted: str) -> bool:
    """Return whether the text has the wanted words, after and before anything where `*` stands."""
    words = wanted.strip(ANY)
    if wanted.startswith(ANY) and wanted.endswith(ANY):
        return words in text
    return text.endswith(words) if wanted.startswith(ANY) else text.startswith(words)


def fields_of(defect: Defect) -> dict[str, Any]:
    """Return the fields that an entry needs to match the defect and its like."""
    found = {name: getattr(defect, name) for name in _FIELDS if name != "when"}
    plain = {
        name: fields_of(value) if isinstance(value, Defect) else value
        for name, value in found.items()
        if value != _FIELDS[name]
    }
    return plain | {"kind": str(defect.kind)}
