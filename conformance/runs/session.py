"""A job in a pytest session: runs its campaigns here or in workers, and writes the run's file."""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, TypeVar

import msgspec
import pytest
from xdist.scheduler import LoadScopeScheduling

from saveproof.conformance.runs import github
from saveproof.conformance.runs.header import with_example_count
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.local_campaigns import LocalCampaigns
from saveproof.conformance.runs.monitor import Monitor
from saveproof.conformance.runs.parts import balanced
from saveproof.conformance.runs.plugin import JOB
from saveproof.conformance.runs.run_folder import FILES, RunFolder
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, WitnessSpec
from saveproof.reports import store
from saveproof.reports.files import Claimed, NotWritten
from saveproof.reports.gate import gate
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Result, Witness
from saveproof.reports.terminal import columns, terminal

L = TypeVar("L", Result, Witness)

RESULTS = "saveproof results"
"""Property of a finished item's report: the number of its lines in the run's file."""


@dataclass(eq=False)
class Conformance:
    """The job of one pytest process; its methods are hooks of pytest and pytest-xdist."""

    job: Job
    config: pytest.Config = field(init=False)
    _folder: RunFolder = field(init=False)
    _items: tuple[str, ...] = field(init=False)
    _campaigns: LocalCampaigns = field(init=False)
    _monitor: Monitor | None = None
    _unfinished: set[str] = field(default_factory=set)
    _recorded: dict[str, int] = field(default_factory=dict)
    _begun: bool = False
    _interrupted: bool = False
    _unwritten: str = ""

    def __post_init__(self) -> None:
        self._folder = RunFolder(self.out, FILES)
        items = [campaign.item for campaign in self.job.campaigns]
        self._items = (*items, *(witness.item for witness in self.job.witnesses))
        self._campaigns = LocalCampaigns(self.job)

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
        self._campaigns.workers = getattr(config, "workerinput", {}).get("workercount", 1)

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
        return (
            LoadScopeScheduling(config, log)
            if self.job.end is None
            else Shares(self.job, config, log)
        )

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

        Without items, an earlier run in the folder stays as it is. A shard may have no campaigns,
        and is a run all the same.
        """
        wanted = {item for item in ids if item.endswith(self._items)} if self._items else set()
        if self.is_worker or self._begun or (self._items and not wanted):
            return
        self._unfinished = wanted
        try:
            self._folder.begin(self.job.header)
        except (Claimed, NotWritten) as error:
            raise pytest.UsageError(f"saveproof: {error}") from error
        self._begun = True
        campaigns = [
            one for one in self.job.campaigns if any(id.endswith(one.item) for id in wanted)
        ]
        self._monitor = Monitor(self.out, campaigns, self.job.end)
        self._monitor.start()

    def _show_no_more(self) -> None:
        """End the display of progress, so that other text can be printed."""
        if self._monitor is not None:
            self._monitor.stop()
        self._monitor = None

    def results(self, of: CampaignSet, wanted: CampaignSpec) -> tuple[Result, ...]:
        """Return a campaign's results; end the session if they can't be written."""
        return self._written(lambda: self._campaigns.results(of, wanted))

    def witnesses(self, spec: WitnessSpec) -> tuple[Witness, ...]:
        """Return what a subject's witnesses show; end the session if it can't be written."""
        return self._written(lambda: self._campaigns.witnesses(spec))

    def _written(self, run: Callable[[], tuple[L, ...]]) -> tuple[L, ...]:
        try:
            if self.is_worker:
                self._folder.join()
            return run()
        except (Claimed, NotWritten) as error:
            self._show_no_more()
            self._tell(f"saveproof: {error}")
            pytest.exit(f"saveproof: {error}", returncode=pytest.ExitCode.INTERRUPTED)

    def _tell(self, line: str) -> None:
        """Write a line to standard error at once, bypassing pytest's capture in workers."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Register a finished campaign, except in workers."""
        properties: dict[str, Any] = dict(report.user_properties)
        if self.is_worker or report.when != "call" or RESULTS not in properties:
            return
        self._unfinished.discard(report.nodeid)
        self._recorded[report.nodeid] = properties[RESULTS]

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Suppress pytest's progress letter for a campaign: the run shows its progress itself."""
        if report.when == "call" and RESULTS in dict(report.user_properties):
            return report.outcome, "", report.outcome.upper()
        return None

    def pytest_keyboard_interrupt(self) -> None:
        """Mark the run as interrupted."""
        self._show_no_more()
        self._interrupted = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self) -> None:
        """Mark the run as interrupted, since a worker died in the middle of a campaign."""
        self._interrupted = True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the child process, merge the results into the run's file, and render the reports.

        The gate decides on the exit status, unless pytest has seen something worse. It is 2 where
        the run is not complete or can't be written, or has a harness error, which is no finding
        about the subject.
        """
        self._show_no_more()
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
        code = pytest.ExitCode(gate(run).exit_code)
        nothing_ran = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        session.exitstatus = code if nothing_ran else max(code, session.exitstatus)

    def _finish(self) -> store.Run:
        """Write the run's file, which is complete if every registered campaign finished."""
        so_far = store.read(self.out)
        return self._folder.finish(
            with_example_count(so_far) if self.job.timed else so_far.header,
            interrupted=(self._interrupted or bool(self._unfinished) or self._lacks_any(so_far)),
        )

    def _lacks_any(self, run: store.Run) -> bool:
        """Return whether a line that a finished item has recorded is missing."""
        return len(run.results) + len(run.witnesses) < sum(self._recorded.values())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the matrix, and what GitHub reads."""
        if self._unwritten:
            terminalreporter.write_line(f"saveproof: {self._unwritten}")
        elif self._begun and not self.is_worker:
            figures = matrix(store.read(self.out))
            terminalreporter.write_line("")
            color = terminalreporter.hasmarkup
            terminalreporter.write(terminal(figures, width=columns(), color=color))
            terminalreporter.write_line(f"report: {self.out / FILES['html']}")
            for line in github.told(figures):
                terminalreporter.write_line(line)


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # shipped without types
    """Gives each worker a part of the job, whose campaigns it runs in turns.

    The witnesses of a subject go with its first campaign.
    """

    def __init__(self, job: Job, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        parts = enumerate(balanced(job.sets, self.numnodes))
        owned = [(n, one) for n, sets in parts for one in sets]
        owners = {one.owner: n for n, one in reversed(owned)}
        witnesses = {one.item: owners.get(one.subject, 0) for one in job.witnesses}
        self._shares = witnesses | {c.item: n for n, one in owned for c in one.campaigns}

    def _split_scope(self, nodeid: str) -> str:
        """Return the number of the part that the item is in."""
        return next(str(n) for item, n in self._shares.items() if nodeid.endswith(item))
