"""The job of `saveproof interchange`: the exchanges that the options select."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.exchange import EXCHANGE
from saveproof.conformance.interchange.judging import CHECKS
from saveproof.conformance.interchange.pairs import Exchange, Pair, UnknownFormat, exchanges
from saveproof.conformance.runs.header import path_info
from saveproof.conformance.runs.job import Job, job
from saveproof.conformance.runs.options import InterchangeOptions
from saveproof.conformance.runs.preflight import admitted, refuse_unknown, run_folder
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec
from saveproof.reports.records import SubjectInfo
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Kind


def interchange_job(options: InterchangeOptions, command: str) -> Job:
    """Return the job that the options select; `command` is the command line for the header.

    Raises:
        NotInstalled, SameName, UnusableSubject: see `preflight.admitted`.
        UnknownFormat: no pair shares the format, or no pair shares any format.
        Unknown: a kind or a required name is not known.
        HasRun, NotAFolder: see `preflight.run_folder`.
        NoSuchPart: see `parts.part`.
    """
    refuse_unknown("kind", options.kind, set(map(str, Kind)))
    out = run_folder(options)
    admitted(options.subject)
    found = _exchanges(options)
    infos = (_pair_info(pair, found) for pair in dict.fromkeys(one.pair for one in found))
    return job(options, out, command, infos, CHECKS, _sets(found, options))


def _exchanges(options: InterchangeOptions) -> list[Exchange]:
    pairs = [Pair(writer, reader) for writer in options.subject for reader in options.subject]
    every = [one for pair in pairs for one in exchanges(pair, described)]
    found = [one for one in every if one.across or not options.across]
    formats = {one.format for one in found}
    unknown = sorted(set(options.format) - formats)
    if unknown or not found:
        raise UnknownFormat(
            f"expected formats that these subjects share, {sorted(formats)}, found {unknown}"
        )
    return [one for one in found if not options.format or one.format in options.format]


def _sets(found: Sequence[Exchange], options: InterchangeOptions) -> Iterator[CampaignSet]:
    """Yield a set for each writer, format and kind, with a campaign for each reader.

    One process runs the set, since it keeps the saved models for all readers.
    """

    def place(one: Exchange) -> tuple[int, str]:
        return options.subject.index(one.pair.writer), one.format

    for (writer, _), group in groupby(sorted(found, key=place), key=place):
        same = list(group)
        for kind in Kind:
            if options.kind and kind not in options.kind:
                continue
            every = (_campaign(one, kind, options) for one in same if kind in one.kinds)
            campaigns = tuple(one for one in every if kind in one.capabilities.kinds)
            if campaigns:
                yield CampaignSet(EXCHANGE, options.subject[writer], campaigns)


def _campaign(at: Exchange, kind: Kind, options: InterchangeOptions) -> CampaignSpec:
    return CampaignSpec(
        at.pair.name,
        at.format,
        str(kind),
        tuple(check.name for check in CHECKS if at.contract.speaks_of(check.facets)),
        options.examples,
        options.seed,
        options.timeout,
        shrink_seconds=options.shrink,
        places=at.places,
        capabilities=capabilities_of(at.pair.name),
    )


def capabilities_of(subject: str) -> Capabilities:
    """Return what a subject has, or what both subjects of a pair have."""
    pair = Pair.of(subject)
    has = described(pair.writer).capabilities
    return has.common(described(pair.reader).capabilities) if pair.reader else has


def _pair_info(pair: Pair, found: Sequence[Exchange]) -> SubjectInfo:
    writer, reader = described(pair.writer), described(pair.reader)
    versions = _by_side(writer.environment(), reader.environment())
    files = _by_side(writer.files(), reader.files())
    formats = [one for one in found if one.pair == pair]
    infos = tuple(path_info(one.format, one.contract) for one in formats)
    return SubjectInfo(pair.name, versions, infos, pair.writer, pair.reader, files)


def _by_side(writer: Mapping[str, str], reader: Mapping[str, str]) -> dict[str, str]:
    sides = {"writer": writer, "reader": reader}
    return {f"{side}: {name}": value for side, one in sides.items() for name, value in one.items()}
