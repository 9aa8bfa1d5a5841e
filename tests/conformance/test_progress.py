"""Progress: counted in each worker, and shown by the controller."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import msgspec
import pytest

from saveproof.conformance.runs.monitor import Monitor
from saveproof.conformance.runs.progress import (
    SUFFIX,
    Line,
    Reporter,
    State,
    duration,
    forget,
    left,
    lines,
)
from saveproof.conformance.runs.work import CampaignSpec
from saveproof.reports import store
from tests.reports.test_files import room_for


def spec(subject, kind="sequential", **fields):
    asked = {"examples": 30, "seed": 0, "timeout": 1.0} | fields
    return CampaignSpec(subject, "h5", kind, ("weights_survive",), **asked)


def written(folder, worker, *states):
    (folder / store.SHARDS).mkdir(exist_ok=True)
    file = folder / store.SHARDS / f"{worker}{SUFFIX}"
    file.write_bytes(msgspec.json.encode(list(states)))


def test_a_subject_has_one_line_for_all_workers(tmp_path):
    written(tmp_path, "gw0", State("a", 10, 8, frozenset({"x", "y"})))
    written(tmp_path, "gw1", State("a", 5, 5, frozenset({"y"})), State("b", 1, 0, frozenset()))

    assert lines(tmp_path, [spec("a"), spec("a", "functional"), spec("b"), spec("c")]) == [
        Line("a", 15, 60, 13, 2),
        Line("b", 1, 30, 0, 0),
        Line("c", 0, 30, 0, 0),
    ]


def test_a_file_that_cannot_be_read_counts_for_nothing(tmp_path):
    written(tmp_path, "gw0", State("a", 10, 8, frozenset()))
    (tmp_path / store.SHARDS / f"gw1{SUFFIX}").write_bytes(b"[{")

    assert lines(tmp_path, [spec("a")]) == [Line("a", 10, 30, 8, 0)]


def test_a_line_says_examples_judged_defects_and_time_left():
    told = "15 of 60 examples, 13 judged, 2 defects, 4 min left"
    assert Line("a", 15, 60, 13, 2).told(240.0) == told
    assert Line("a", 15, None, 13, 1).told(None) == "15 examples, 13 judged, 1 defect"


def test_the_time_left_goes_on_as_before_and_never_past_the_limit():
    half = [Line("a", 30, 60, 30, 0), Line("b", 0, None, 0, 0)]

    assert left(half, 100.0, None) == 100.0
    assert left(half, 100.0, 20.0) == 20.0
    assert left([Line("a", 0, 60, 0, 0)], 100.0, None) is None
    assert left([Line("a", 9, None, 0, 0)], 100.0, 7.0) == 7.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.2, "7 s"), (60, "1 min"), (3599, "59 min"), (5400, "1 h 30 min")]
)
def test_a_duration_is_told_in_its_largest_units(seconds, text):
    assert duration(seconds) == text


def campaign(subject, *defects):
    plan = SimpleNamespace(subject=subject)
    return SimpleNamespace(plan=plan, examined=5, judged=4, unexpected=frozenset(defects))


def test_a_worker_reports_on_all_of_its_campaigns(tmp_path):
    (tmp_path / store.SHARDS).mkdir()
    reporter = Reporter(tmp_path, "gw0")

    reporter.add([campaign("a", "x"), campaign("a", "x", "y")])
    reporter.examined()

    assert lines(tmp_path, [spec("a")]) == [Line("a", 10, 30, 8, 2)]
    forget(tmp_path)
    assert lines(tmp_path, [spec("a")]) == [Line("a", 0, 30, 0, 0)]


def test_progress_that_cannot_be_written_does_not_end_the_run(tmp_path):
    (tmp_path / store.SHARDS).mkdir()
    reporter = Reporter(tmp_path, "gw0")
    reporter.add([campaign("a")])

    with room_for(1):
        reporter.examined()

    assert lines(tmp_path, [spec("a")]) == [Line("a", 0, 30, 0, 0)]


def test_a_pipe_gets_a_line_now_and_then(tmp_path):
    class Kept(io.StringIO):
        def close(self):
            """Keep the text."""

    monitor = Monitor(tmp_path, [spec("a")], None, stream=Kept(), every=0.05)
    monitor.start()
    written(tmp_path, "gw0", State("a", 15, 13, frozenset({"x"})))
    time.sleep(0.3)
    monitor.stop()

    told = monitor.stream.getvalue().splitlines()
    assert re.fullmatch(
        r"saveproof: a: 15 of 30 examples, 13 judged, 1 defect; \d s left", told[-1]
    )
    monitor.stop()
    assert monitor.stream.getvalue().splitlines() == told


SUBJECT = "tests.conformance.faulty:LosesMomentum"
ASKED = ("--kind", "sequential", "--check", "optimizer_slots_survive")


def in_a_terminal(*arguments, interrupt=b""):
    """Run the command in a terminal; return its exit code and all that it has printed.

    It is interrupted as by Ctrl-C, once this was printed.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "saveproof", "run", SUBJECT, *ASKED, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            text = os.read(ours, 4096)
        except OSError:  # how Linux says that nobody writes any more
            break
        printed += text
        if interrupt and re.search(interrupt, printed):
            os.killpg(process.pid, signal.SIGINT)
            interrupt = b""
        if not text:
            break
    os.close(ours)
    return process.wait(), printed.decode()


BAR = re.compile(r"\d+ of \d+ examples, \d+ judged, \d+ defects?")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_terminal_shows_bars_and_then_a_report_that_is_whole(workers, tmp_path):
    code, printed = in_a_terminal("--examples", "40", "-n", workers, "--out", str(tmp_path))

    bars = [found.end() for found in BAR.finditer(printed)]
    report = printed[bars[-1] :]
    assert code == 1
    assert "1 defect" in printed
    assert report.count("optimizer_slots_survive") > 1
    assert f"report: {tmp_path / 'report.html'}\r\n" in report
    assert "\x1b[?25h" in printed  # the cursor is shown again


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interrupt_loses_nothing_and_leaves_a_clean_report(workers, tmp_path):
    code, printed = in_a_terminal(
        *("--examples", "100000", "-n", workers, "--out", str(tmp_path)),
        interrupt=rb"[1-9]\d* judged",
    )

    run = store.read(tmp_path)
    assert code == 2
    assert not run.complete
    assert min(run.examined.values()) > 0
    after = printed[[found.end() for found in BAR.finditer(printed)][-1] :]
    assert "incomplete" in after
    assert "Traceback" not in after
    assert f"report: {tmp_path / 'report.html'}\r\n" in after
    assert not list((tmp_path / store.SHARDS).glob(f"*{SUFFIX}"))
