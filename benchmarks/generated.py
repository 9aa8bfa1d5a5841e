"""Generated cases sent to be examined, as a campaign sends them, without reducing what is found."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

from conformance import wire
from conformance.campaign import EVERY
from conformance.checks import ALL_CHECKS
from conformance.examine import Report, Request
from conformance.trace import Probe
from strategies.case import Case

Send = Callable[[bytes], bytes]
"""Has one encoded request examined, in this process or another, and returns the answer."""

SECONDS = 600.0
CHECKS = frozenset(check.name for check in ALL_CHECKS)


class NothingExamined(RuntimeError):
    """The subject could do none of the cases: a rate would mean nothing."""


def examine_many(
    subject: str,
    path: str,
    cases: SearchStrategy[Case],
    send: Send,
    *,
    examples: int,
    seed_: int,
    probes: frozenset[Probe] = frozenset(Probe),
) -> int:
    """Generate cases, have them examined by every check, and return how many there were.

    The probes are made as often as a campaign makes them.

    Raises:
        NothingExamined: the subject could do none of the cases.
    """
    number = unsupported = 0

    @seed(seed_)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def run(case: Case) -> None:
        nonlocal number, unsupported
        made = frozenset(probe for probe in probes if number % EVERY[probe] == 0)
        request = Request(subject, path, case, CHECKS, made, SECONDS)
        report = wire.decode(send(wire.encode(request)), Report)
        unsupported += bool(report.unsupported)
        number += 1

    run()
    if unsupported == number:
        raise NothingExamined(f"{subject} {path}: expected to examine some of {number} cases")
    return number
