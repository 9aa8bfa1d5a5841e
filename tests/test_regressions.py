"""Every bug of ours that a case has shown stays mended: the case is replayed with every check."""

from pathlib import Path

import msgspec
import pytest

from saveproof.conformance.replay import replay
from saveproof.conformance.runs.options import Limits
from saveproof.strategies.case import Case

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))


class Regression(msgspec.Struct, forbid_unknown_fields=True):
    """A case that has shown a bug of ours, where it did, and what the bug was."""

    subject: str
    path: str
    why: str
    case: Case


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.stem)
def test_bug_of_ours_stays_mended(file):
    found = msgspec.json.decode(file.read_bytes(), type=Regression)

    ((_, report),) = replay(found.case, found.subject, [found.path], Limits(timeout=60.0))

    assert not report.unsupported
    assert report.judgements
    assert not [defect for judgement in report.judgements for defect in judgement.defects]
