"""Strata in a run: what counts as judged, what is recorded, and what the options select."""

from pathlib import Path

import pytest

from saveproof.conformance.campaigns.strata import REFUSES, StrataCounts, counted, exported
from saveproof.conformance.checks import Judgement
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.runs.here import run_here
from saveproof.conformance.runs.options import SuiteOptions, validated
from saveproof.conformance.runs.preflight import Unknown
from saveproof.conformance.runs.selection import suite_job
from saveproof.reports import store
from saveproof.reports.coverage import coverages
from saveproof.reports.records import Verdict
from saveproof.reports.strata import OfClass, Stratum
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases
from saveproof.strategies.catalogue.exports import Argument, ExportedClass, Exports
from saveproof.strategies.catalogue.objects import case
from saveproof.strategies.generation import Generator

HUBER = case("losses.Huber", {"delta": 0.4}, ("delta",))
MODEL = Generator(cases(kinds=(Kind.SEQUENTIAL,))).case("strata")


def seen(**verdicts):
    return [
        Judgement(name, Promise.MUST, verdict, reason=f"{name} says why")
        for name, verdict in verdicts.items()
    ]


@pytest.mark.parametrize(
    ("one", "judgements", "expected"),
    [
        (HUBER, seen(arguments_survive=Verdict.PASS), (1, 0, 0, 0)),
        (HUBER, seen(behaviour_survives=Verdict.PASS, names_survive=Verdict.VACUOUS), (1, 0, 0, 0)),
        (HUBER, seen(round_trip_completes=Verdict.FAIL), (1, 1, 0, 0)),
        (HUBER, seen(behaviour_survives=Verdict.GAP), (1, 1, 0, 0)),
        (HUBER, seen(round_trip_completes=Verdict.CRASH), (1, 1, 0, 0)),
        (
            HUBER,
            seen(round_trip_completes=Verdict.PASS, behaviour_survives=Verdict.VACUOUS),
            (0, 0, 1, 0),
        ),
        (HUBER, seen(behaviour_survives=Verdict.UNSTABLE), (0, 0, 0, 1)),
        (HUBER, seen(behaviour_survives=Verdict.HARNESS_ERROR), (0, 0, 0, 1)),
        (MODEL, seen(round_trip_completes=Verdict.PASS), (1, 0, 0, 0)),
        (MODEL, seen(weights_survive=Verdict.VACUOUS), (0, 0, 1, 0)),
        (
            MODEL,
            seen(round_trip_completes=Verdict.REFUSED, refusal_says_why=Verdict.PASS),
            (0, 0, 0, 1),
        ),
    ],
)
def test_an_example_is_judged_if_a_check_could_have_failed(one, judgements, expected):
    """That an object makes a round trip says nothing of its arguments."""
    count = counted(one, judgements)

    assert (count.judged, count.failed, count.vacuous, count.not_applicable) == expected


def test_the_reason_of_what_was_not_judged_is_short():
    refused = counted(
        HUBER, seen(arguments_survive=Verdict.NOT_APPLICABLE), "refused: " + "a\n" * 99
    )
    assert refused.why.startswith("refused: a a a")
    assert len(refused.why) == 150

    assert counted(MODEL, seen(names_survive=Verdict.REFUSED)).why == REFUSES
    assert counted(HUBER, seen(names_survive=Verdict.UNSTABLE)).why == "names_survive says why"


def test_counts_add_up_and_keep_the_first_reason():
    counts = StrataCounts(("event:hop",))
    counts.note(HUBER, seen(arguments_survive=Verdict.PASS), "")
    counts.note(HUBER, [], "refused: one")
    counts.note(HUBER, [], "refused: other")

    of_both = Stratum(judged=1, not_applicable=2, why="refused: one")
    assert counts.records() == {
        "event:hop": Stratum(),
        "losses.Huber": of_both,
        "losses.Huber/delta": of_both,
    }


def test_the_record_of_exports_says_why_something_is_left_out():
    exports = Exports(
        (
            ExportedClass("layers", "Layer", (Argument("name"),)),
            ExportedClass("losses", "Huber", (Argument("delta"), Argument("type_spec"))),
        )
    )

    classes = exported("some", exports).classes

    base = "a base class: a program makes objects of the classes derived from it"
    assert classes["layers.Layer"] == OfClass({"name": base}, base)
    assert classes["losses.Huber"].left_out == ""
    assert classes["losses.Huber"].arguments["delta"] == ""
    assert classes["losses.Huber"].arguments["type_spec"] != ""


def job(out, **given):
    options = {"subject": ["reference"], "examples": 1, "out": out} | given
    return suite_job(validated(SuiteOptions, options), "saveproof run")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of one class of objects and a model of each of the events that the reference has."""
    out = tmp_path_factory.mktemp("strata") / "run"
    chosen = {
        "path": ["object_config", "object_pickle", "json"],
        "kind": ["object", "sequential"],
        "stratum": ["losses.Huber", "layers.Dense"],
        "without": ["reduction", "event:fit"],
    }
    return run_here(resolve("reference"), job(out, **chosen))


def test_a_run_records_the_strata_of_each_campaign_once(ran):
    assert sorted(one.slot for one in ran.strata) == [
        ("reference", "json", "sequential"),
        ("reference", "object_config", "object"),
        ("reference", "object_pickle", "object"),
    ]
    (config,) = (one.strata for one in ran.strata if one.path == "object_config")
    assert config["losses.Huber/delta"].judged > 0
    assert {name.partition("/")[0] for name in config} == {"losses.Huber", "layers.Dense"}


def test_what_is_left_out_comes_up_in_no_example(ran):
    names = {name for one in ran.strata for name in one.strata}

    assert "losses.Huber/reduction" not in names
    assert "event:fit" not in names
    assert "event:train_on_batch" in names


def test_a_run_records_what_the_subject_exports_once(ran):
    (told,) = ran.exported

    assert told.classes["losses.Huber"].arguments["reduction"] == "left out by --without"
    assert told.classes["losses.LogCosh"].left_out == "--stratum selects others"
    assert store.read(Path(ran.sources[0])) == ran


def test_the_figures_of_the_run_are_those_of_its_selection(ran):
    (one,) = coverages(ran)
    (losses,) = (room for room in one.namespaces if room.name == "losses")

    assert [reach.name for reach in losses.classes if reach.judged] == ["losses.Huber"]
    assert losses.smallest > 0
    assert {reach.name for reach in one.others} >= {"event:train_on_batch", "feature:nested model"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"stratum": ["losses.Hubber"]},
            "stratum: 'losses.Hubber' selects nothing; .* such as losses.Huber",
        ),
        ({"without": ["statefull"]}, "without: 'statefull' selects nothing; .* such as stateful"),
        ({"stratum": ["stateful"]}, "stratum: 'stateful' selects nothing"),
        (
            {"stratum": ["initializers"], "kind": ["sequential"]},
            "the options select no check on any save path .* with the strata that they leave",
        ),
        (
            {"stratum": ["losses.Huber"], "without": ["losses"], "kind": ["object"]},
            "the options select no check",
        ),
    ],
)
def test_a_name_that_selects_nothing_is_refused(given, told, tmp_path):
    with pytest.raises(Unknown, match=told):
        job(tmp_path / "run", **given)


def test_only_the_kinds_that_have_a_stratum_are_run(tmp_path):
    campaigns = job(tmp_path / "run", stratum=["initializers"]).campaigns

    assert {campaign.kind for campaign in campaigns} == {Kind.OBJECT}
    assert {campaign.systematic for campaign in campaigns} != {0}
