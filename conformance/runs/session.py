"""A job in a pytest session: runs its campaigns here or in workers, and writes the run's file."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import msgspec
import pytest
from xdist.scheduler import LoadScopeScheduling

from saveproof.conformance.runs.header import with_example_count
from saveproof.conformance.runs.job import CampaignSet, CampaignSpec, Job
from saveproof.conformance.runs.local_campaigns import LocalCampaigns
from saveproof.conformance.runs.plugin import JOB
from saveproof.conformance.runs.run_folder import RunFolder
from saveproof.reports import store
from saveproof.reports.files import Claimed, NotWritten
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Result, Verdict
from saveproof.reports.terminal import columns, terminal

FILES = {
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "badge": "badge.svg",
}
"""Report files beside the event file, by the name of their renderer."""

CAMPAIGN, RESULTS = "saveproof campaign", "saveproof results"
"""Properties of a finished item's report: a summary of its results, and their number."""


@dataclass(eq=False)
class Conformance:
    """The job of one pytest process; its methods are hooks of pytest and pytest-xdist."""

    job: Job
    config: pytest.Config = field(init=False)
    _folder: RunFolder = field(init=False)
    _items: tuple[str, ...] = field(init=False)
    _campaigns: LocalCampaigns = field(init=False)
    _wanted: int = 0
    _unfinished: set[str] = field(default_factory=set)
    _recorded: dict[str, int] = field(default_factory=dict)
    _begun: bool = False
    _interrupted: bool = False
    _unwritten: str = ""

    def __post_init__(self) -> None:
        self._folder = RunFolder(self.out, FILES)
        self._items = tuple(campaign.item for campaign in self.job.campaigns)
        self._campaigns = LocalCampaigns(self.job, self._tell)

    @classmethod
    def of(cls, config: pytest.Config) -> Optional["Conformance"]:
        """Return the job of this pytest process, or None."""
        plugins = config.pluginmanager.get_plugins()
        return next((plugin for plugin in plugins if isinstance(plugin, cls)), None)

    @property
    def out(self) -> Path:
        """The folder of the run."""
        return Path(self.job.out)

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of pytest-xdist's workers."""
        return hasattr(self.config, "workerinput")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Keep pytest's configuration."""
        self.config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the job to a worker."""
        node.workerinput[JOB] = msgspec.json.encode(self.job).decode()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep each set of campaigns on one worker, unless the user chose a distribution."""
        if config.getoption("dist") not in ("load", "loadgroup"):
            return None
        config.option.loadscopereorder = False  # a change of subject starts a new child process
        return LoadScopeScheduling(config, log)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Register the items to run, unless pytest only collects or the collection failed."""
        option = self.config.getoption
        failed = session.testsfailed and not option("continue_on_collection_errors")
        if not option("collectonly") and not failed:
            self._want([item.nodeid for item in session.items])
            self._campaigns.choose(item.name for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Register the items that workers have collected."""
        self._want(ids)

    def _want(self, ids: Sequence[str]) -> None:
        """Register the items to run, and start the run's file if there are any.

        Without items, an earlier run in the folder stays as it is.
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
        """Return a campaign's results; end the session if they can't be written."""
        try:
            if self.is_worker:
                self._folder.join()
            return self._campaigns.results(of, wanted)
        except (Claimed, NotWritten) as error:
            self._tell(f"saveproof: {error}")
            pytest.exit(f"saveproof: {error}", returncode=pytest.ExitCode.INTERRUPTED)

    def _tell(self, line: str) -> None:
        """Write a line to standard error at once, bypassing pytest's capture in workers."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Register a finished campaign and print its summary, except in workers."""
        properties: dict[str, Any] = dict(report.user_properties)
        if self.is_worker or report.when != "call" or CAMPAIGN not in properties:
            return
        self._unfinished.discard(report.nodeid)
        self._recorded[report.nodeid] = properties[RESULTS]
        self._tell(f"[{len(self._recorded)}/{self._wanted}] {properties[CAMPAIGN]}")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Suppress pytest's progress letter for a campaign, which prints a line of its own."""
        if report.when == "call" and CAMPAIGN in dict(report.user_properties):
            return report.outcome, "", report.outcome.upper()
        return None

    def pytest_keyboard_interrupt(self) -> None:
        """Mark the run as interrupted."""
        self._interrupted = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        """Mark the run as interrupted, since a worker died in the middle of a campaign."""
        self._interrupted = True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the child process, merge the results into the run's file, and render the reports.

        The exit status is 2 where the run was interrupted, lacks a recorded result or can't be
        written, and 3 where it has a harness error, which is no finding about the subject.
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
        """Write the run's file, which is complete if every registered campaign finished."""
        found = store.read(self.out).results
        header = self.job.header
        return self._folder.finish(
            with_example_count(header, found) if self.job.timed else header,
            interrupted=self._interrupted or bool(self._unfinished) or self._lacks_any(found),
        )

    def _lacks_any(self, found: Sequence[Result]) -> bool:
        """Return whether a result that a finished campaign has recorded is missing."""
        return len(found) < sum(self._recorded.values())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the matrix."""
        if self._unwritten:
            terminalreporter.write_line(f"saveproof: {self._unwritten}")
        elif self._begun and not self.is_worker:
            figures = matrix(store.read(self.out))
            terminalreporter.write_line("")
            color = terminalreporter.hasmarkup
            terminalreporter.write(terminal(figures, width=columns(), color=color))
            terminalreporter.write_line(f"report: {self.out / FILES['html']}")
