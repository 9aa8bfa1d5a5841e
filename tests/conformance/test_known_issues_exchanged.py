"""Known issues in a run of exchanges: those of the writer and of the reader apply."""

import subprocess
import sys

from saveproof.reports import store
from saveproof.reports.records import Verdict, WitnessStatus
from tests.conformance.test_known_issues_replayed import FAULTY, WITNESS, entry
from tests.conformance.travelling import HERE


def test_what_a_reader_is_known_to_lose_is_known_in_an_exchange(tmp_path):
    """The witness is replayed on the reader by itself, and is the case of the finding."""
    reader, file = f"{HERE}:forgets", tmp_path / "own.toml"
    file.write_text(entry((FAULTY, reader)))
    asked = ("--kind", "sequential", "--across", "--examples", "2", "--known", str(file))

    done = subprocess.run(
        [
            *(sys.executable, "-m", "saveproof", "interchange", f"{HERE}:exact", reader),
            *(*asked, "--out", str(tmp_path / "run")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    run = store.read(tmp_path / "run")
    found = {
        (result.subject, finding.verdict, finding.known, finding.case_id, finding.shrunk)
        for result in run.results
        for finding in result.findings
        if result.check == "optimizer_slots_survive"
    }
    pair = f"{HERE}:exact → {reader}"
    assert found == {(pair, Verdict.FAIL, "The momentum is lost.", WITNESS.id, True)}
    assert [(one.subject, one.status) for one in run.witnesses] == [
        (reader, WitnessStatus.STILL_FAILS)
    ]
    assert "Witnesses of known issues, replayed first: 1 still fails." in done.stdout
