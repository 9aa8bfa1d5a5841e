"""What every mutant is found by: check, key and code, the same from change to change.

`python -m tests.conformance.test_mutant_findings` writes the record anew; the difference shows what
a change does to keys and codes. Titles have values, whose last digits differ by machine.
"""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.known_issues import packaged
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.families.description import exports
from saveproof.conformance.mutants import MUTANTS, Mutant
from saveproof.conformance.mutants.killing import campaigns
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.processes.memory import MEMORY
from saveproof.conformance.runs.work import plans
from saveproof.reports.codes import code
from saveproof.reports.findings import Defect
from saveproof.strategies.case import Kind

RECORD = Path(__file__).with_name("mutant_findings.json")
SOON = (
    "lost_recurrent_states",
    "moving_statistics_fresh",
    "refused_by_key",
    "saving_in_place",
)
"""Mutants that every run of the tests includes; `--every-mutant` runs all of them."""

VARYING = re.compile(r"saveproof\.[\w.]*\.(?P<name>\w+)|/tmp/saveproof-\S*|tmp[a-z0-9_]{8}")
"""Where a class of ours lies, of which the name is kept, and names of temporary files."""

Found = Sequence[tuple[str, str, str]]
"""Check, key and code of each finding."""


def findings_of(mutant: Mutant) -> Found:
    """Return what a campaign finds, unreduced."""
    with Child(EXAMINE, memory=MEMORY) as child:
        by_itself = mutant.kind is Kind.OBJECT
        exported = {mutant.spec: exports(mutant.spec)} if by_itself else {}
        own = plans(campaigns(mutant), packaged(), exported)
        several = [Campaign(plan, child, lambda _: None) for plan in own]
        run_together(several, lambda: None)
    results = (result for campaign in several for result in campaign.results())
    return [found(r.check, f.defect) for r in results for f in r.findings]


def found(check: str, defect: Defect) -> tuple[str, str, str]:
    """Return what is recorded of a finding."""
    return (check, VARYING.sub(_without_place, defect.key), code(defect))


def _without_place(varying: re.Match[str]) -> str:
    return varying["name"] or "…"


def recorded() -> dict[str, Found]:
    """Return the record."""
    return msgspec.json.decode(RECORD.read_bytes(), type=dict[str, list[tuple[str, str, str]]])


def as_text(found: dict[str, Found]) -> str:
    """Return the record as JSON, a line a finding."""
    mutants = []
    for name, findings in found.items():
        lines = ",\n".join(f"  {msgspec.json.encode(list(one)).decode()}" for one in findings)
        mutants.append(f'"{name}": [\n{lines}\n]')
    return "{\n" + ",\n".join(mutants) + "\n}\n"


def test_every_mutant_is_recorded():
    assert list(recorded()) == list(MUTANTS)
    assert all(recorded().values())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_has_the_findings_that_it_had(name, request):
    if name not in SOON and not request.config.getoption("--every-mutant"):
        pytest.skip("--every-mutant")

    assert findings_of(MUTANTS[name]) == recorded()[name]


if __name__ == "__main__":
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each mutant has a process of its own
        found_by = pool.map(findings_of, MUTANTS.values())
        RECORD.write_text(as_text(dict(zip(MUTANTS, found_by, strict=True))))
