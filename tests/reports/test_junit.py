from xml.etree import ElementTree as ET

import pytest

from saveproof.reports.junit import junit
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict


def test_every_result_is_a_test_case(figures, run):
    root = ET.fromstring(junit(figures))

    assert len(root.findall("testsuite/testcase")) == len(run.results)
    assert root.get("tests") == str(len(run.results))
    assert root.get("failures") == str(sum(r.verdict == Verdict.FAIL for r in run.results))
    assert root.get("errors") == str(len(root.findall("testsuite/testcase/error")))


def test_the_time_of_the_tests_adds_up_to_that_of_the_run(figures, run):
    """The checks of a save path share its examples: each result has the time of all of them."""
    root = ET.fromstring(junit(figures))

    took = sum({result.slot[:3]: result.seconds for result in run.results}.values())
    times = [float(test.get("time")) for test in root.findall("testsuite/testcase")]
    suites = [float(suite.get("time")) for suite in root.findall("testsuite")]
    assert sum(times) == pytest.approx(took, rel=0.05)
    assert sum(suites) == pytest.approx(took, abs=0.01)


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.FAIL, "failure"),
        (Verdict.CRASH, "error"),
        (Verdict.HARNESS_ERROR, "error"),
        (Verdict.GAP, "skipped"),
        (Verdict.KNOWN, "skipped"),
        (Verdict.VACUOUS, "skipped"),
    ],
)
def test_a_verdict_has_its_outcome(one_cell, verdict, outcome):
    case = ET.fromstring(junit(matrix(one_cell(verdict)))).find("testsuite/testcase")

    assert [child.tag for child in case] == [outcome]
    assert case.find(outcome).get("type") == verdict


def test_a_pass_has_no_outcome(one_cell):
    case = ET.fromstring(junit(matrix(one_cell()))).find("testsuite/testcase")

    assert list(case) == []
    assert case.get("classname") == "tf_keras.h5.sequential"


def test_a_failure_tells_its_story(one_cell, a_finding):
    figures = matrix(one_cell(Verdict.FAIL, findings=(a_finding(),)))
    failure = ET.fromstring(junit(figures)).find("testsuite/testcase/failure")

    assert "slot 'vhat' is missing" in failure.get("message")
    assert "expected 7 entries\nfound 5 entries" in failure.text
    assert "saveproof repro 9f2c41d07ab3e615" in failure.text


def test_a_run_cut_short_is_an_error_of_its_own(one_cell, a_run):
    run = one_cell()
    root = ET.fromstring(junit(matrix(a_run(header=run.header, results=run.results, cut=True))))

    assert root.get("errors") == "1"
    assert root.find("testsuite/testcase/error").get("type") == "incomplete"


def test_hostile_text_is_well_formed_xml(hostile):
    case = ET.fromstring(junit(hostile)).find("testsuite/testcase")

    assert case.get("name").startswith("<script>alert('x')</script> & \"größe\"")


def test_a_suite_names_its_distinct_defects_and_the_files_of_its_subject(figures):
    root = ET.fromstring(junit(figures))

    suite = root.find("testsuite[@name='tf_keras']")
    names = [one.get("name") for one in suite.findall("properties/property")]
    of_subject = [cause.id for cause in figures.causes if "tf_keras" in cause.places]
    assert [name.split()[-1] for name in names if name.startswith("distinct")] == of_subject
    assert root.get("name").startswith("saveproof: 8 distinct defects: 3 documented promises")


def test_a_result_says_how_many_of_the_judged_examples_failed(figures):
    root = ET.fromstring(junit(figures))

    message = root.find("testsuite/testcase/failure").get("message")
    assert message.startswith("17 of 40 judged examples fail: ")
