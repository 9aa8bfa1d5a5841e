"""The suite in a pytest session: collects what was asked for, runs it, writes the run."""

import os
import shlex
import sys
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.progress import Progress
from saveproof.conformance.campaigns.worker import EXAMINE, path_of
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families.description import described
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.subject import SavePath
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.header import counted, header
from saveproof.conformance.runs.item_failures import failure
from saveproof.conformance.runs.run_folder import RunFolder
from saveproof.conformance.runs.selection import Item, Selection, in_brackets
from saveproof.conformance.runs.xdist_workers import worker_subjects
from saveproof.reports import store
from saveproof.reports.files import Claimed, NotWritten
from saveproof.reports.matrix import matrix
from saveproof.reports.records import SHOWN_NOTHING, UNEXPECTED, Header, Result, Verdict
from saveproof.reports.terminal import terminal
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases

Group = tuple[str, str, str]
"""Subject, save path and kind of model: what one campaign runs, whatever checks judge it."""

FILES = {
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "badge": "badge.svg",
}
"""What a run is rendered as beside its event file, by the renderer's name."""

SUITE = Path(__file__).with_name("suite") / "test_save_paths.py"

FINISHED = "saveproof campaign finished"
"""The property of an item's report that says so: of one that was cut short nothing is known."""


@dataclass(eq=False)
class Conformance:
    """The suite in one pytest process: its campaigns, and the run's file."""

    config: pytest.Config
    _run_folder: RunFolder = field(init=False)
    selection: Selection = field(init=False)
    _results: dict[Group, dict[str, Result]] = field(default_factory=dict)
    _wanted: dict[Group, set[str]] = field(default_factory=dict)
    _unfinished: set[Item] = field(default_factory=set)
    _children: dict[str, Child] = field(default_factory=dict)
    _header: Header | None = None
    _interrupted: bool = False
    _unwritten: str = ""

    def __post_init__(self) -> None:
        """Refuse what there is not, before anything runs.

        Raises:
            pytest.UsageError: an unknown subject, save path, kind or check, and the known ones;
                a subject that is not installed or broken, or what no run can be made with.
        """
        describe = worker_subjects(self.config) if self.is_worker else described
        self._run_folder = RunFolder(self.out, FILES)
        self.selection = Selection(self._option, describe)
        try:
            if not self.is_worker:
                self.selection.refuse()
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise pytest.UsageError(f"saveproof: {error}") from error

    def _option(self, name: str) -> Any:
        """Return an option of the plugin, by its name without prefix."""
        return self.config.getoption(f"saveproof_{name}")

    @property
    def out(self) -> Path:
        """Where the run's file goes."""
        return Path(self._option("out")).absolute()

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of pytest-xdist's workers."""
        return hasattr(self.config, "workerinput")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give the suite's test every subject, path, kind and check that was asked for."""
        if not metafunc.definition.path.samefile(SUITE):
            return
        values = [values for values, _ in self.selection.parameters()]
        metafunc.parametrize(("subject", "path", "kind", "check"), values)

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
        asked = self.selection.by_id
        for values, _ in (asked[item] for item in map(in_brackets, ids) if item in asked):
            self._wanted.setdefault(values[:3], set()).add(values[3])
            self._unfinished.add(values)
        if self._wanted and self._header is None and not self.is_worker:
            self._begin()

    def _begin(self) -> None:
        option = self._option
        head = header(
            self.selection.subject_infos(),
            ALL_CHECKS,
            command=option("command") or shlex.join(["pytest", *sys.argv[1:]]),
            seed=option("seed"),
            examples=0 if self._timed else option("examples"),
        )
        try:
            self._run_folder.begin(head)
        except (Claimed, NotWritten) as error:
            raise pytest.UsageError(f"saveproof: {error}") from error
        self._header = head

    def verify(self, subject: str, path: str, kind: str, check: str) -> None:
        """Run the campaign, if it has not been run, and fail with what its check has found.

        Where that can't be written down, the session ends.
        """
        group = (subject, path, kind)
        try:
            if self.is_worker:
                self._run_folder.join()
            if group not in self._results:
                self._run(self._beside(group))
        except (Claimed, NotWritten) as error:
            self._tell(f"saveproof: {error}")
            pytest.exit(f"saveproof: {error}", returncode=pytest.ExitCode.INTERRUPTED)
        result = self._results[group][check]
        if result.verdict in SHOWN_NOTHING:
            pytest.skip(f"nothing was shown: {result.verdict} on every case")
        if any(verdict in UNEXPECTED for verdict in result.tally):
            pytest.fail(failure(result, self.out), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Note in the report of an item whether its campaign came to its end."""
        report = yield
        asked = self.selection.by_id.get(in_brackets(item.nodeid))
        if report.when == "call" and asked is not None and asked[0][:3] in self._results:
            report.user_properties.append((FINISHED, True))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note, where the run's file is written, that a campaign came to its end."""
        if any(name == FINISHED for name, _ in report.user_properties):
            self._unfinished.discard(self.selection.by_id[in_brackets(report.nodeid)][0])

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
        run which was cut short, lacks a result that was wanted or can't be written is 2.
        """
        for child in self._children.values():
            child.close()
        if self._header is None:
            self._run_folder.release()
            return
        try:
            run = self._finish(self._header)
        except NotWritten as error:
            self._unwritten = str(error)
            session.exitstatus = pytest.ExitCode.INTERRUPTED
            return
        finally:
            self._run_folder.release()
        if not run.complete:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if any(Verdict.HARNESS_ERROR in result.tally for result in run.results):
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _finish(self, header: Header) -> store.Run:
        """Write the run's file: it came to its end if every campaign that was wanted did."""
        seen = store.read(self.out)
        return self._run_folder.finish(
            counted(header, seen.results) if self._timed else header,
            interrupted=self._interrupted or bool(self._unfinished) or self._lacks_any(seen),
        )

    def _lacks_any(self, run: store.Run) -> bool:
        """Say whether a result that was wanted is missing."""
        wanted = {(*group, check) for group, checks in self._wanted.items() for check in checks}
        return not wanted <= {result.slot for result in run.results}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the matrix."""
        if self._unwritten:
            terminalreporter.write_line(f"saveproof: {self._unwritten}")
        elif self._header is not None:
            figures = matrix(store.read(self.out))
            terminalreporter.write_line("")
            terminalreporter.write(terminal(figures, color=terminalreporter.hasmarkup))
            terminalreporter.write_line(f"report: {self.out / FILES['html']}")

    def _beside(self, group: Group) -> list[Group]:
        """Return the campaigns that run side by side with this one, itself among them."""
        subject, path, kind = group
        paths = next(paths for paths in self.selection.sets(subject) if path in paths)
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
        return self._option("seconds") is not None

    @property
    def _total(self) -> int | None:
        return None if self._timed else int(self._option("examples"))

    def _tell(self, line: str) -> None:
        """Write a line to standard error at once, a worker's past what it captures."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"\n{line}\n")
            sys.stderr.flush()

    def _campaign(self, group: Group) -> Campaign:
        subject, path, kind = group
        option = self._option
        plan = Plan(
            subject,
            path,
            kind,
            cases(kinds=(Kind(kind),), hops=True),
            checks=tuple(c for c in ALL_CHECKS if c.name in self._wanted[group]),
            examples=option("examples"),
            seconds=option("seconds"),
            seed=option("seed"),
            timeout=option("timeout"),
            hops=_hops(path_of(self.selection.describe(subject), path), kind),
        )
        return Campaign(plan, self._child(subject), self._keep)

    def _child(self, subject: str) -> Child:
        memory = self._option("memory")
        return self._children.setdefault(subject, Child(EXAMINE, memory=memory))

    def _keep(self, results: Sequence[Result]) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        for result in results:
            store.append(store.shard(self.out, worker), result)


def _told_of(groups: Sequence[Group]) -> str:
    subject, _, kind = groups[0]
    return f"{subject}, {kind} models through {', '.join(path for _, path, _ in groups)}"


def _hops(path: SavePath, kind: str) -> bool:
    """Say whether the path brings back all that training on needs, without code."""
    contract = path.contract
    whole = contract.file_promise(Facet.COMPILE) and contract.file_promise(Facet.SLOTS)
    return bool(whole) and kind not in contract.refuses
