"""Merges several runs into one."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from saveproof.reports.policy import Policy, Shard
from saveproof.reports.records import CheckInfo, Footer, Header, PathInfo, SubjectInfo
from saveproof.reports.store import (
    Run,
    RunError,
    last_exported,
    last_strata,
    last_witnesses,
    latest,
)

Named = TypeVar("Named", SubjectInfo, CheckInfo, PathInfo)


class DifferentRuns(RunError):
    """Runs can't be merged, since they describe the same thing differently."""


def merge(runs: Sequence[Run]) -> Run:
    """Return one run with the results of all, as `joined` does; one run by itself as it is."""
    return runs[0] if len(runs) == 1 else joined(runs)


def joined(runs: Sequence[Run]) -> Run:
    """Return one run with the results of all; for the same slot, the last run's result.

    The figures of strata are those of the results: the shards of a run add up.

    It is complete if all runs are, and if they are all shards of a run or none. Its seed is the
    first run's, and its number of examples the smallest of any run with results.

    Raises:
        DifferentRuns: two runs describe a subject, a save path or a check differently, or are
            shards of different runs.
    """
    results = latest(result for run in runs for result in run.results)
    sources = tuple(dict.fromkeys(source for run in runs for source in run.sources))
    witnesses = last_witnesses(witness for run in runs for witness in run.witnesses)
    header = _header(runs)
    footer = _footer(runs, header.shard, len(results))
    exported = last_exported(one for run in runs for one in run.exported)
    strata = last_strata(one for run in runs for one in run.strata)
    return Run(header, results, footer, sources, witnesses, exported, strata)


def _header(runs: Sequence[Run]) -> Header:
    headers = [run.header for run in runs]
    packages = sorted({name for header in headers for name in header.environment})
    policies = [header.policy for header in headers]
    limits = [header.max_time for header in headers if header.max_time is not None]
    return msgspec.structs.replace(
        headers[0],
        run="+".join(header.run for header in headers),
        started=min(header.started for header in headers),
        command="; ".join(dict.fromkeys(header.command for header in headers)),
        examples=min((run.header.examples for run in runs if run.results), default=0),
        environment={name: _versions(headers, name) for name in packages},
        subjects=_united((s for header in headers for s in header.subjects), _joined),
        checks=_united((check for header in headers for check in header.checks), _same),
        policy=Policy(
            tuple(dict.fromkeys(one for policy in policies for one in policy.fail_on)),
            tuple(dict.fromkeys(one for policy in policies for one in policy.require)),
        ),
        shard=_shard(runs),
        max_time=max(limits, default=None),
    )


def _shard(runs: Sequence[Run]) -> Shard | None:
    """Return the shards of a run as one record, None if no run is a shard."""
    shards = [run.header.shard for run in runs if run.header.shard is not None]
    if not shards:
        return None
    if len({(one.of, one.plan) for one in shards}) > 1 or len(shards) < len(runs):
        names = [f"{run.sources[0]}: {_named(run.header.shard)}" for run in runs]
        raise DifferentRuns(
            f"expected shards of one run, with the same options and save paths; found {names}; "
            "merge the shards of each run by themselves"
        )
    numbers = sorted({number for one in shards for number in one.numbers})
    return Shard(tuple(numbers), shards[0].of, shards[0].plan)


def _named(shard: Shard | None) -> str:
    if shard is None:
        return "no shard"
    return f"shard {', '.join(map(str, shard.numbers))} of {shard.of}, plan {shard.plan}"


def _footer(runs: Sequence[Run], shard: Shard | None, results: int) -> Footer | None:
    footers = [run.footer for run in runs if run.footer is not None]
    if len(footers) < len(runs):
        return None
    return Footer(
        finished=max(footer.finished for footer in footers),
        seconds=sum(footer.seconds for footer in footers),
        results=results,
        interrupted=any(footer.interrupted for footer in footers) or bool(shard and shard.missing),
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
