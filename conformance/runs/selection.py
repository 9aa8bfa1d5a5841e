"""The job of `saveproof run`: the campaigns that the options select."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from saveproof.conformance.campaigns.plan import SIDE_BY_SIDE, TOGETHER, side_by_side
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS, checks_for
from saveproof.conformance.families.description import Described, described, exports
from saveproof.conformance.model_state.contract import Contract, Facet
from saveproof.conformance.processes.foreign.protocol import DescribedPath
from saveproof.conformance.runs.job import Job, job
from saveproof.conformance.runs.options import InvalidOption, SuiteOptions
from saveproof.conformance.runs.preflight import (
    Unknown,
    admissible,
    admitted,
    refuse_unknown,
    refuse_unselected,
    run_folder,
)
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, systematic
from saveproof.reports.records import SubjectInfo
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Kind
from saveproof.strategies.catalogue.objects import class_left_out
from saveproof.strategies.departures import possible
from saveproof.strategies.selection import EVERY_STRATUM, Selection, selectable


def suite_job(options: SuiteOptions, command: str) -> Job:
    """Return the job that the options select; `command` is the command line for the header.

    Raises:
        Unknown: a name is not known.
        HasRun, NotAFolder: see `preflight.run_folder`.
        NoSuchPart: see `parts.part`.
        InvalidOption: both time limits are given.
        NotInstalled, SameName, UnusableSubject: see `preflight.admitted`.
    """
    _refuse(options)
    infos = admitted(options.subject)
    return _job(options, command, infos, [described(name) for name in options.subject])


def job_of(subject: Described, options: SuiteOptions, command: str) -> Job:
    """Return the same for a subject that has no name to import it by.

    Raises:
        Unknown, HasRun, NotAFolder, NoSuchPart, UnusableSubject: as above.
    """
    _refuse(options)
    return _job(options, command, [admissible(subject)], [subject])


def _refuse(options: SuiteOptions) -> None:
    refuse_unknown("check", options.check, {check.name for check in ALL_CHECKS})
    refuse_unknown("kind", options.kind, set(map(str, Kind)))
    if options.seconds and options.max_time:
        raise InvalidOption("max-time, seconds: expected one of them, found both; leave one out")


def _job(
    options: SuiteOptions, command: str, infos: Sequence[SubjectInfo], subjects: Sequence[Described]
) -> Job:
    out = run_folder(options)
    refuse_unknown("save path", options.path, {p.name for s in infos for p in s.paths})
    selection = Selection(options.stratum, options.without)
    if selection != EVERY_STRATUM:
        _refuse_unselected(selection, subjects)
    sets = [each for subject in subjects for each in _sets(subject, options, selection)]
    if options.max_time:
        sets.sort(key=_most_telling_first)
    if not sets:
        raise Unknown(
            "the options select no check on any save path for a kind of model that a subject has, "
            "with the strata that they leave"
        )
    wanted = (_wanted_info(info, options) for info in infos)
    checks = [one for one in ALL_CHECKS if not options.check or one.name in options.check]
    return job(options, out, command, wanted, checks, sets, selection)


def _refuse_unselected(selection: Selection, subjects: Sequence[Described]) -> None:
    told = [exports(one.name) for one in subjects if _exports(one)]
    refuse_unselected(selection, selectable(told, [one.capabilities for one in subjects]))


def _exports(subject: Described) -> bool:
    return any(Kind.OBJECT in path.contract.kinds for path in subject.paths())


def _sets(subject: Described, options: SuiteOptions, selection: Selection) -> Iterator[CampaignSet]:
    """Yield sets of the subject's campaigns: save paths that share cases, for each kind."""
    wanted = [p for p in subject.paths() if not options.path or p.name in options.path]
    cheapest_first = sorted(Kind, key=lambda kind: kind is not Kind.OBJECT)
    kinds = [kind for kind in cheapest_first if not options.kind or kind in options.kind]
    had = selection.of_models(subject.capabilities)
    for kind in kinds:
        if not _is_left(subject, kind, selection, had):
            continue
        able = [path for path in wanted if _serves(subject, path, kind)]
        count = _systematic(subject, kind, options, selection) if able else 0
        for paths in side_by_side(able, TOGETHER if kind is Kind.OBJECT else SIDE_BY_SIDE):
            every = (_campaign(subject, path, kind, options, had, count) for path in paths)
            campaigns = tuple(campaign for campaign in every if campaign.checks)
            if campaigns:
                yield CampaignSet(EXAMINE, subject.name, campaigns, together=True)


def _is_left(
    subject: Described, kind: Kind, selection: Selection, had: Capabilities | None
) -> bool:
    """Return whether the selection leaves something of the kind."""
    if kind is not Kind.OBJECT:
        return had is not None
    every = selection == EVERY_STRATUM or not _exports(subject)
    return every or any(not class_left_out(one) for one in selection.of(exports(subject.name)))


def _serves(subject: Described, path: DescribedPath, kind: Kind) -> bool:
    """Return whether the path is for the kind, and the subject has it."""
    has = kind is Kind.OBJECT or kind in subject.capabilities.kinds
    return has and kind in path.contract.kinds


def _most_telling_first(of: CampaignSet) -> tuple[bool, int]:
    """Return a key that is the smaller, the more of the paths promise training state.

    Objects by themselves come first: they cost least.
    """
    paths = {path.name: path.contract for path in described(of.owner).paths()}
    telling = sum(paths[one.path].file_promise(Facet.SLOTS) is not None for one in of.campaigns)
    return all(one.kind != Kind.OBJECT for one in of.campaigns), -telling


def _campaign(
    subject: Described,
    path: DescribedPath,
    kind: Kind,
    options: SuiteOptions,
    had: Capabilities | None,
    count: int,
) -> CampaignSpec:
    """Return the campaign of a path, with the number of its systematic cases."""
    checks = (check.name for check in checks_for(path.contract))
    return CampaignSpec(
        subject.name,
        path.name,
        str(kind),
        tuple(name for name in checks if not options.check or name in options.check),
        options.examples,
        options.seed,
        options.timeout,
        options.seconds,
        hops=hops(path.contract, kind),
        capabilities=had or subject.capabilities,
        systematic=count,
        departures=possible(tuple(path.contract.other_code), subject.capabilities),
    )


def _systematic(subject: Described, kind: Kind, options: SuiteOptions, selection: Selection) -> int:
    """Return how many systematic cases of the kind there are."""
    in_models = options.every_class and kind is Kind.FUNCTIONAL
    if kind is not Kind.OBJECT and not in_models:
        return 0
    return len(systematic(kind, selection.of(exports(subject.name))))


def hops(contract: Contract, kind: Kind) -> bool:
    """Return whether the path alone restores all that further training needs."""
    kept = contract.file_promise(Facet.COMPILE) and contract.file_promise(Facet.SLOTS)
    return bool(kept) and kind not in contract.refuses


def _wanted_info(info: SubjectInfo, options: SuiteOptions) -> SubjectInfo:
    paths = (path for path in info.paths if not options.path or path.name in options.path)
    return replace(info, paths=tuple(paths))
