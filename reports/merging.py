"""Merges several runs into one."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from saveproof.reports.records import CheckInfo, Footer, Header, PathInfo, SubjectInfo
from saveproof.reports.store import Run, RunError, last_witnesses, latest

Named = TypeVar("Named", SubjectInfo, CheckInfo, PathInfo)


class DifferentRuns(RunError):
    """Runs can't be merged, since they describe the same thing differently."""


def merge(runs: Sequence[Run]) -> Run:
    """Return one run with the results of all; for the same slot, the last run's result.

    It is complete if all runs are. Its seed is the first run's, and its number of examples the
    smallest of any run.

    Raises:
        DifferentRuns: two runs describe a subject, a save path or a check differently.
    """
    if len(runs) == 1:
        return runs[0]
    results = latest(result for run in runs for result in run.results)
    sources = tuple(dict.fromkeys(source for run in runs for source in run.sources))
    witnesses = last_witnesses(witness for run in runs for witness in run.witnesses)
    return Run(_header(runs), results, _footer(runs, len(results)), sources, witnesses)


def _header(runs: Sequence[Run]) -> Header:
    headers = [run.header for run in runs]
    packages = sorted({name for header in headers for name in header.environment})
    return msgspec.structs.replace(
        headers[0],
        run="+".join(header.run for header in headers),
        started=min(header.started for header in headers),
        command="; ".join(dict.fromkeys(header.command for header in headers)),
        examples=min(header.examples for header in headers),
        environment={name: _versions(headers, name) for name in packages},
        subjects=_united((s for header in headers for s in header.subjects), _joined),
        checks=_united((check for header in headers for check in header.checks), _same),
    )


def _footer(runs: Sequence[Run], results: int) -> Footer | None:
    footers = [run.footer for run in runs if run.footer is not None]
    if len(footers) < len(runs):
        return None
    return Footer(
        finished=max(footer.finished for footer in footers),
        seconds=sum(footer.seconds for footer in footers),
        results=results,
        interrupted=any(footer.interrupted for footer in footers),
    )


def _versions(headers: Sequence[Header], package: str) -> str:
    found = [h.environment[package] for h in headers if package in h.environment]
    return " / ".join(dict.fromkeys(found))


def _united(items: Iterable[Named], joined: Callable[[Named, Named], Named]) -> tuple[Named, ...]:
    united: dict[str, Named] = {}
    for item in items:
        earlier = united.get(item.name)
        united[item.name] = item if earlier is None else joined(earlier, item)
    return tuple(united.values())


def _same(one: Named, other: Named) -> Named:
    if one != other:
        raise DifferentRuns(f"two runs describe {one.name!r} differently: {one} and {other}")
    return one


def _joined(one: SubjectInfo, other: SubjectInfo) -> SubjectInfo:
    if one.environment != other.environment:
        raise DifferentRuns(
            f"subject {one.name!r} was run with {one.environment} and with {other.environment}; "
            "compare these runs instead of merging them"
        )
    return msgspec.structs.replace(
        one,
        paths=_united((*one.paths, *other.paths), _same),
        files={name: file for name, file in one.files.items() if other.files.get(name) == file},
    )
