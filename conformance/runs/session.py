"""A job in a pytest session: its campaigns, in this process or a worker's, and the run's file."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import msgspec
import pytest
from xdist.scheduler import LoadScopeScheduling

from saveproof.conformance.runs.header import counted
from saveproof.conformance.runs.job import CampaignSet, CampaignSpec, Job
from saveproof.conformance.runs.local_campaigns import LocalCampaigns
from saveproof.conformance.runs.plugin import JOB
from saveproof.conformance.runs.run_folder import RunFolder
from saveproof.reports import store
from saveproof.reports.files import Claimed, NotWritten
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Result, Verdict
from saveproof.reports.terminal import terminal

FILES = {
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "badge": "badge.svg",
}
"""What a run is rendered as beside its event file, by the renderer's name."""

CAMPAIGN, RESULTS = "saveproof campaign", "saveproof results"
"""Properties of a finished item's report: a summary of its results, and how many were kept."""


@dataclass(eq=False)
class Conformance:
    """The job of one pytest process: a hook of pytest, or of pytest-xdist, each."""

    job: Job
    config: pytest.Config = field(init=False)
    _folder: RunFolder = field(init=False)
    _items: tuple[str, ...] = field(init=False)
    _campaigns: LocalCampaigns = field(init=False)
    _wanted: int = 0
    _unfinished: set[str] = field(default_factory=set)
    _kept: dict[str, int] = field(default_factory=dict)
    _begun: bool = False
    _interrupted: bool = False
    _unwritten: str = ""

    def __post_init__(self) -> None:
        self._folder = RunFolder(self.out, FILES)
        self._items = tuple(campaign.item for campaign in self.job.campaigns)
        self._campaigns = LocalCampaigns(self.job, self._tell)

    @classmethod
    def of(cls, config: pytest.Config) -> Optional["Conformance"]:
        """Return the session of this process, if there is one."""
        plugins = config.pluginmanager.get_plugins()
        return next((plugin for plugin in plugins if isinstance(plugin, cls)), None)

    @property
    def out(self) -> Path:
        """Where the run's file goes."""
        return Path(self.job.out)

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of pytest-xdist's workers."""
        return hasattr(self.config, "workerinput")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Note where the options and the other plugins are."""
        self.config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the job."""
        node.workerinput[JOB] = msgspec.json.encode(self.job).decode()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep a set on one worker, unless another distribution than the default was asked for."""
        if config.getoption("dist") not in ("load", "loadgroup"):
            return None
        config.option.loadscopereorder = False  # another subject's set starts another process
        return LoadScopeScheduling(config, log)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what must be finished, if anything is run."""
        option = self.config.getoption
        failed = session.testsfailed and not option("continue_on_collection_errors")
        if not option("collectonly") and not failed:
            self._want([item.nodeid for item in session.items])
            self._campaigns.choose(item.name for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note, where workers run the campaigns, what must be finished."""
        self._want(ids)

    def _want(self, ids: Sequence[str]) -> None:
        """Note what there is to run; once there is something, the run's file begins.

        An earlier run in the folder stays as it is until then.
        """
        wanted = {item for item in ids if item.endswith(self._items)}
        if self.is_worker or self._begun or not wanted:
            return
        self._unfinished, self._wanted = wanted, len(wanted)
        try:
            self._folder.begin(self.job.header)
        except (Claimed, NotWritten) as error:
            raise pytest.UsageError(f"saveproof: {error}") from error
        self._begun = True

    def results(self, of: CampaignSet, wanted: CampaignSpec) -> tuple[Result, ...]:
        """Return a campaign's results; where they can't be written down, the session ends."""
        try:
            if self.is_worker:
                self._folder.join()
            return self._campaigns.results(of, wanted)
        except (Claimed, NotWritten) as error:
            self._tell(f"saveproof: {error}")
            pytest.exit(f"saveproof: {error}", returncode=pytest.ExitCode.INTERRUPTED)

    def _tell(self, line: str) -> None:
        """Write a line to standard error at once, a worker's past what it captures."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note, where the run's file is written, that a campaign came to its end; tell of it."""
        properties: dict[str, Any] = dict(report.user_properties)
        if self.is_worker or report.when != "call" or CAMPAIGN not in properties:
            return
        self._unfinished.discard(report.nodeid)
        self._kept[report.nodeid] = properties[RESULTS]
        self._tell(f"[{len(self._kept)}/{self._wanted}] {properties[CAMPAIGN]}")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Have pytest print no letter for a campaign, which has a line."""
        if report.when == "call" and CAMPAIGN in dict(report.user_properties):
            return report.outcome, "", report.outcome.upper()
        return None

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the run was cut short."""
        self._interrupted = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        """Note that a worker died, and with it what it was at."""
        self._interrupted = True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the child process; merge what was found into the run's file, and render it.

        A harness error is no finding about the subject: the session's exit status is 3. That of a
        run which was cut short, lacks a result that was kept or can't be written is 2.
        """
        self._campaigns.close()
        if not self._begun:
            self._folder.release()
            return
        try:
            run = self._finish()
        except NotWritten as error:
            self._unwritten = str(error)
            session.exitstatus = pytest.ExitCode.INTERRUPTED
            return
        finally:
            self._folder.release()
        if not run.complete:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if any(Verdict.HARNESS_ERROR in result.tally for result in run.results):
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _finish(self) -> store.Run:
        """Write the run's file: it came to its end if every campaign that was wanted did."""
        found = store.read(self.out).results
        header = self.job.header
        return self._folder.finish(
            counted(header, found) if self.job.timed else header,
            interrupted=self._interrupted or bool(self._unfinished) or self._lacks_any(found),
        )

    def _lacks_any(self, found: Sequence[Result]) -> bool:
        """Return whether a result that a finished campaign has kept is missing."""
        return len(found) < sum(self._kept.values())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the matrix."""
        if self._unwritten:
            terminalreporter.write_line(f"saveproof: {self._unwritten}")
        elif self._begun and not self.is_worker:
            figures = matrix(store.read(self.out))
            terminalreporter.write_line("")
            terminalreporter.write(terminal(figures, color=terminalreporter.hasmarkup))
            terminalreporter.write_line(f"report: {self.out / FILES['html']}")
