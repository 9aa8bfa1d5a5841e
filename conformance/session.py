"""The suite in a pytest session: collects what was asked for, runs it, writes the run."""

import os
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from conformance import subjects
from conformance.campaign import Campaign, run_together
from conformance.checks import ALL_CHECKS
from conformance.contract import Facet
from conformance.examine import EXAMINE, path_of
from conformance.header import counted, header, now
from conformance.isolation import Child
from conformance.plan import Plan
from conformance.progress import Progress
from conformance.selection import Selection
from conformance.subject import SavePath
from reports import store
from reports.commands import commands
from reports.matrix import matrix
from reports.records import SHOWN_NOTHING, UNEXPECTED, Finding, Header, Result, Verdict
from reports.renderers import RENDERERS
from reports.terminal import terminal
from strategies.case import Kind
from strategies.cases import cases

Group = tuple[str, str, str]
"""Subject, save path and kind of model: what one campaign runs, whatever checks judge it."""

FILES = {
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "badge": "badge.svg",
}
"""What a run is rendered as beside its event file, by the renderer's name."""


@dataclass(eq=False)
class Conformance:
    """The suite in one pytest process: its campaigns, and the run's file."""

    config: pytest.Config
    started: float = field(default_factory=time.monotonic)
    _results: dict[Group, dict[str, Result]] = field(default_factory=dict)
    _wanted: dict[Group, set[str]] = field(default_factory=dict)
    _children: dict[str, Child] = field(default_factory=dict)
    _header: Header | None = None
    _interrupted: bool = False

    def __post_init__(self) -> None:
        """Refuse what there is not, before anything runs.

        Raises:
            pytest.UsageError: an unknown subject, save path, kind or check, and the known ones;
                a subject that is not installed or broken, or what no run can be made with.
        """
        try:
            self._selection.refuse()
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise pytest.UsageError(f"saveproof: {error}") from error

    @property
    def _selection(self) -> Selection:
        return Selection(self.config.getoption)

    @property
    def out(self) -> Path:
        """Where the run's file goes."""
        return Path(self.config.getoption("saveproof_out")).absolute()

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of pytest-xdist's workers."""
        return hasattr(self.config, "workerinput")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give the suite's test every subject, path, kind and check that was asked for."""
        if metafunc.function.__module__.rpartition(".")[2] != "test_save_paths":
            return
        values = [values for values, _ in self._selection.parameters()]
        metafunc.parametrize(("subject", "path", "kind", "check"), values)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep on one worker what runs side by side, unless another distribution was asked for.

        pytest-xdist's `loadgroup` would, but its 3.8 can't rename an item of pytest 9.2.
        """
        if config.getoption("dist") not in ("load", "loadgroup"):
            return None
        scheduler = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
        asked = self._selection.by_id()
        scheduler._split_scope = lambda item: asked.get(_in_brackets(item), (None, item))[1]
        return scheduler

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which checks each campaign must judge by, if anything is run."""
        option = self.config.getoption
        failed = session.testsfailed and not option("continue_on_collection_errors")
        if not option("collectonly") and not failed:
            self._want([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note, where workers run the campaigns, what must come of them."""
        self._want(ids)

    def _want(self, ids: Sequence[str]) -> None:
        """Note what there is to run; once there is something, the run's file begins.

        An earlier run in the folder stays as it is until then.
        """
        asked = self._selection.by_id()
        for values, _ in (asked[item] for item in map(_in_brackets, ids) if item in asked):
            self._wanted.setdefault(values[:3], set()).add(values[3])
        if self._wanted and self._header is None and not self.is_worker:
            self._begin()

    def _begin(self) -> None:
        option = self.config.getoption
        self._header = header(
            self._selection.subject_infos(),
            ALL_CHECKS,
            command=option("saveproof_command") or shlex.join(["pytest", *sys.argv[1:]]),
            seed=option("saveproof_seed"),
            examples=0 if self._timed else option("examples"),
        )
        store.begin(self.out, self._header)

    def verify(self, subject: str, path: str, kind: str, check: str) -> None:
        """Run the campaign, if it has not been run, and fail with what its check has found."""
        group = (subject, path, kind)
        if group not in self._results:
            self._run(self._beside(group))
        result = self._results[group][check]
        if result.verdict in SHOWN_NOTHING:
            pytest.skip(f"nothing was shown: {result.verdict} on every case")
        if any(verdict in UNEXPECTED for verdict in result.tally):
            pytest.fail(_told(result, self.out), pytrace=False)

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the run was cut short."""
        self._interrupted = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        """Note that a worker died, and with it what it was at."""
        self._interrupted = True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the child processes; merge what was found into the run's file, and render it.

        A harness error is no finding about the subject: the session's exit status is 3. That of a
        run which was cut short, or lacks a result that was wanted, is 2.
        """
        for child in self._children.values():
            child.close()
        if self._header is None:
            return
        seen = store.read(self.out)
        run = store.write_run(
            self.out,
            header=counted(self._header, seen.results) if self._timed else self._header,
            finished=now(),
            seconds=round(time.monotonic() - self.started, 1),
            interrupted=self._interrupted or self._lacks_any(seen),
        )
        if not run.complete:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if any(Verdict.HARNESS_ERROR in result.tally for result in run.results):
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        figures = matrix(run)
        for name, file in FILES.items():
            (self.out / file).write_text(RENDERERS[name](figures), encoding="utf-8")

    def _lacks_any(self, run: store.Run) -> bool:
        """Say whether a result that was wanted is missing."""
        wanted = {(*group, check) for group, checks in self._wanted.items() for check in checks}
        return not wanted <= {result.slot for result in run.results}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the matrix."""
        if self._header is not None:
            figures = matrix(store.read(self.out))
            terminalreporter.write_line("")
            terminalreporter.write(terminal(figures, color=terminalreporter.hasmarkup))
            terminalreporter.write_line(f"report: {self.out / FILES['html']}")

    def _beside(self, group: Group) -> list[Group]:
        """Return the campaigns that run side by side with this one, itself among them."""
        subject, path, kind = group
        paths = next(
            paths for paths in self._selection.sets(subjects.resolve(subject)) if path in paths
        )
        groups = ((subject, other, kind) for other in paths)
        return [other for other in groups if other in self._wanted]

    def _run(self, groups: Sequence[Group]) -> None:
        running = {group: self._campaign(group) for group in groups}
        try:
            run_together(
                list(running.values()), Progress(_told_of(groups), self._total, self._tell)
            )
        finally:
            for campaign in running.values():
                self._keep(campaign.results())
        for group, campaign in running.items():
            self._results[group] = {result.check: result for result in campaign.results()}

    @property
    def _timed(self) -> bool:
        return self.config.getoption("seconds") is not None

    @property
    def _total(self) -> int | None:
        return None if self._timed else int(self.config.getoption("examples"))

    def _tell(self, line: str) -> None:
        """Write a line to standard error at once, a worker's past what it captures."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"\n{line}\n")
            sys.stderr.flush()

    def _campaign(self, group: Group) -> Campaign:
        subject, path, kind = group
        option = self.config.getoption
        plan = Plan(
            subject,
            path,
            kind,
            cases(kinds=(Kind(kind),), hops=True),
            checks=tuple(c for c in ALL_CHECKS if c.name in self._wanted[group]),
            examples=option("examples"),
            seconds=option("seconds"),
            seed=option("saveproof_seed"),
            timeout=option("example_timeout"),
            hops=_hops(path_of(subjects.resolve(subject), path), kind),
        )
        return Campaign(plan, self._child(subject), self._keep)

    def _child(self, subject: str) -> Child:
        return self._children.setdefault(subject, Child(EXAMINE))

    def _keep(self, results: Sequence[Result]) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        for result in results:
            store.append(store.shard(self.out, worker), result)


def _in_brackets(item: str) -> str:
    """Return what an item's id says of its parameters."""
    return item.partition("[")[2][:-1]


def _told_of(groups: Sequence[Group]) -> str:
    subject, _, kind = groups[0]
    return f"{subject}, {kind} models through {', '.join(path for _, path, _ in groups)}"


def _hops(path: SavePath, kind: str) -> bool:
    """Say whether the path brings back all that training on needs, without code."""
    contract = path.contract
    whole = contract.firm(Facet.COMPILE) and contract.firm(Facet.SLOTS)
    return bool(whole) and kind not in contract.refuses


def _told(result: Result, out: Path) -> str:
    news = [finding for finding in result.findings if not finding.known]
    told = (_finding_text(f, commands(f, result.place, [str(out)])) for f in news)
    return "\n\n".join(told)


def _finding_text(finding: Finding, again: Sequence[str]) -> str:
    parted = f"  expected {finding.expected}\n  found    {finding.found}\n\n{finding.drawing}\n"
    return "\n".join(
        [finding.message, f"  at       {finding.where}", parted, *again, finding.traceback]
    )
