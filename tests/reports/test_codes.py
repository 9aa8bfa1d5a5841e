"""Every kind of defect has one code, and every code an explanation."""

from pathlib import Path

import pytest

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.trace import Stage
from saveproof.reports.codes import ACTIONS, CODES, ENDINGS, FACETS, code, every_code
from saveproof.reports.explanations import explanations
from saveproof.reports.findings import ACTORS, DefectKind
from saveproof.reports.records import ENDS, Verdict
from tests.conformance.defects import log, of_kind, raised, state

SPECIFICATION = Path(__file__).parents[2] / "docs" / "spec.md"


@pytest.mark.parametrize("kind", DefectKind)
def test_every_kind_of_defect_has_a_code(kind):
    assert code(of_kind(kind)) in every_code()


def test_the_table_has_every_kind_and_nothing_else():
    assert set(CODES) == set(DefectKind)


def test_every_facet_has_a_code_of_its_own():
    assert set(FACETS) == set(map(str, Facet))
    assert len(set(FACETS.values())) == len(FACETS)


def test_every_action_that_can_raise_has_a_code():
    """A case that can't be built or trained is not applicable, and no defect."""
    assert set(ACTIONS) == ({*map(str, Stage)} - {Stage.BUILD, Stage.TRAIN}) | set(ACTORS)


def test_every_end_of_a_process_has_a_code():
    ended = {code(of_kind(DefectKind.ENDED, name=verdict)) for verdict in ENDS}

    assert len(ended) == len(ENDS)
    assert set(ENDINGS) == (ENDS - {Verdict.CRASH}) | {Verdict.HARNESS_ERROR}


def test_a_defect_has_the_code_of_the_state_whose_loss_caused_it():
    slots = state("optimizer slots", place="m")

    assert code(slots) == code(log(step=2, origin=slots)) == "SP-OPTIMIZER-SLOT-LOST"
    assert code(raised("save", origin=slots)) == "SP-SAVE-RAISED"
    assert code(log(step=2)) == "SP-TRAJECTORY-DIVERGES"


def test_every_code_has_an_explanation_and_every_explanation_a_code():
    assert tuple(explanations()) == every_code()


@pytest.mark.parametrize("name", every_code())
def test_an_explanation_names_checks_and_a_section_that_are_there(name):
    one = explanations()[name]

    assert set(one.checks) <= {check.name for check in ALL_CHECKS}
    assert f"\n## {one.section}\n" in SPECIFICATION.read_text(encoding="utf-8")
    for text in (one.title, one.meaning, one.cause, one.advice):
        assert text.endswith(".")
