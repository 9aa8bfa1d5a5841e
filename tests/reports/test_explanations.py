import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.reports import store
from saveproof.reports.codes import every_code
from saveproof.reports.explanations import (
    UnknownCode,
    distinct_defect,
    explained,
    explained_cause,
    explanations,
    listed,
)
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict
from tests.conformance.defects import state

STATEMENTS = {name: "S." for one in explanations().values() for name in one.checks}


def test_the_list_has_a_line_for_each_code():
    assert [line.split()[0] for line in listed().splitlines()] == list(every_code())


def test_an_explanation_says_what_it_means_breaks_comes_from_and_asks_for():
    text = explained("sp-optimizer-slot-lost", STATEMENTS | {"optimizer_slots_survive": "Slots."})

    assert text.startswith("SP-OPTIMIZER-SLOT-LOST\n")
    assert "What it breaks\n  docs/spec.md, Checks.\n  optimizer_slots_survive: Slots." in text
    assert "How it usually comes about\n  " in text
    assert "What to do\n  " in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_unknown_code_is_refused_with_the_known_ones():
    with pytest.raises(UnknownCode, match="SP-WEIGHT-CHANGED"):
        explained("SP-NOTHING", STATEMENTS)


def test_a_defect_of_a_run_is_explained_by_its_id(figures):
    wanted = figures.causes[1]

    text = explained_cause(distinct_defect(figures, wanted.id), STATEMENTS)

    assert text.startswith(f"{wanted.id}: dense_10/kernel's slot 'vhat' is missing")
    assert "\nfail on tf_keras: h5 (functional)" in text
    assert f"\n{wanted.code}\n" in text


def test_an_unknown_id_is_refused_with_the_ids_of_the_run(figures):
    with pytest.raises(UnknownCode, match=figures.causes[0].id):
        distinct_defect(figures, "ffffff")


def test_the_command_explains_a_defect_of_a_recorded_run(one_cell, a_finding, tmp_path):
    run = one_cell(Verdict.FAIL, findings=(a_finding(defect=state("weights", place="D/kernel")),))
    store.begin(tmp_path, run.header)
    for result in run.results:
        store.append(store.shard(tmp_path, "gw0"), result)
    store.write_run(tmp_path, header=run.header, finished="today", seconds=1.0)
    (cause,) = matrix(run).causes

    done = CliRunner().invoke(app, ["explain", cause.id, "--run", str(tmp_path)])
    unknown = CliRunner().invoke(app, ["explain", "ffffff", "--run", str(tmp_path)])

    assert done.exit_code == 0
    assert done.output.startswith(f"{cause.id}: weights (D/kernel) after the load")
    assert "\nSP-WEIGHT-CHANGED\n" in done.output
    assert unknown.exit_code == 2
    assert cause.id in unknown.output
