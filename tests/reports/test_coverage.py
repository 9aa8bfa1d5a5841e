"""What a run reached: figures by namespace, reasons, and bounds on failure rates."""

from dataclasses import replace

import msgspec
import pytest

from saveproof.reports import store
from saveproof.reports.coverage import ReachState, coverages, figures, rate_bound
from saveproof.reports.html import html
from saveproof.reports.markdown import markdown
from saveproof.reports.matrix import matrix
from saveproof.reports.merging import merge
from saveproof.reports.strata import Exported, OfClass, Strata, Stratum
from saveproof.reports.terminal import terminal
from saveproof.reports.untested import bounds, reached, untested

EXPORTED = Exported(
    "reference",
    {
        "layers.Layer": OfClass({"name": "a base class"}, "a base class"),
        "losses.Huber": OfClass(
            {"delta": "", "dtype": "", "name": "", "reduction": "", "fn": "private"}
        ),
        "losses.LogCosh": OfClass({"name": ""}),
    },
)
CONFIG = Strata(
    *("reference", "config", "object"),
    {
        "losses.Huber": Stratum(judged=10),
        "losses.Huber/delta": Stratum(judged=4, failed=2),
        "losses.Huber/dtype": Stratum(vacuous=3, not_applicable=1, why="later"),
        "losses.Huber/reduction": Stratum(not_applicable=2, why="refused: ValueError: <none>"),
    },
)
JSON = Strata("reference", "json", "object", {"losses.Huber": Stratum(judged=49)})
MODELS = Strata(
    *("reference", "h5", "sequential"),
    {"event:fit": Stratum(judged=5), "event:hop": Stratum(), "losses.mse": Stratum(judged=5)},
)


@pytest.fixture
def tested(a_run):
    return replace(a_run(), exported=(EXPORTED,), strata=(CONFIG, JSON, MODELS))


@pytest.fixture
def coverage(tested):
    (one,) = coverages(tested)
    return one


def test_every_exported_stratum_is_reached_or_has_a_reason(coverage):
    found = {one.name: (one.state, one.why) for room in coverage.namespaces for one in room.every}

    assert found == {
        "layers.Layer": (ReachState.LEFT_OUT, "a base class"),
        "layers.Layer/name": (ReachState.LEFT_OUT, "a base class"),
        "losses.Huber": (ReachState.REACHED, ""),
        "losses.Huber/delta": (ReachState.REACHED, ""),
        "losses.Huber/dtype": (ReachState.VACUOUS, ""),
        "losses.Huber/fn": (ReachState.LEFT_OUT, "private"),
        "losses.Huber/name": (ReachState.NOT_DRAWN, ""),
        "losses.Huber/reduction": (ReachState.NOT_JUDGED, "refused: ValueError: <none>"),
        "losses.LogCosh": (ReachState.NOT_DRAWN, ""),
        "losses.LogCosh/name": (ReachState.NOT_DRAWN, ""),
    }


def test_the_figures_are_reached_of_exported(coverage):
    assert reached(coverage) == "reference: classes 1 of 3, arguments 1 of 7 reached"
    assert untested(coverage) == (
        "not tested: 3 left out, 1 not judged, 1 no example could have failed, 4 not drawn yet"
    )
    assert coverage.arguments.reasons[ReachState.LEFT_OUT] == {
        "a base class": ("layers.Layer/name",),
        "private": ("losses.Huber/fn",),
    }


def test_examples_of_all_save_paths_add_up_to_a_bound(coverage):
    (losses,) = (room for room in coverage.namespaces if room.name == "losses")

    assert losses.classes[0].judged == 59
    assert losses.classes[0].bound == pytest.approx(0.0495, abs=5e-5)
    assert losses.arguments[0].bound is None
    assert (losses.smallest, losses.median) == (59, 59)
    assert bounds(losses) == "smallest n = 59: 5 %, median n = 59: 5 %"


@pytest.mark.parametrize(("judged", "bound"), [(1, 0.95), (3, 0.6316), (300, 0.009936)])
def test_the_bound_is_that_of_the_rule_of_three(judged, bound):
    """The exact bound of a binomial rate (Hanley and Lippman-Hand, 1983), near 3 / n."""
    assert rate_bound(judged) == pytest.approx(bound, abs=5e-5)
    assert (1 - rate_bound(judged)) ** judged == pytest.approx(0.05)


def test_events_and_features_stand_by_themselves(coverage):
    assert {one.name: one.state for one in coverage.others} == {
        "event:fit": ReachState.REACHED,
        "event:hop": ReachState.NOT_DRAWN,
        "losses.mse": ReachState.REACHED,
    }


def test_without_exports_the_strata_are_those_that_came_up(a_run):
    (one,) = coverages(replace(a_run(), strata=(MODELS,)))

    assert reached(one) == "reference: classes 1, arguments 0 reached"
    assert figures(one.others).reached == 1


def test_an_old_run_has_no_figures(a_run):
    figures_of = matrix(a_run())

    assert figures_of.coverages == ()
    for render in (html, markdown, terminal):
        assert "not tested" not in render(figures_of).lower()


def test_every_report_says_what_was_not_tested(tested):
    seen = matrix(tested)

    page, text, lines = html(seen), markdown(seen), terminal(seen)
    assert 'id="not-tested"' in page
    assert "refused: ValueError: &lt;none&gt;" in page
    assert "n = 59: at most 5 %" in page
    assert "2 of 4 failed" in page
    assert "| losses | 1 of 2 | 1 of 6 | 1 | 1 | 1 | 3 | smallest n = 59: 5 %" in text
    assert "- 3 left out: " not in text
    assert "- 2 left out: a base class" in text
    assert "- 4 not drawn yet: " in text
    assert "reference: classes 1 of 3, arguments 1 of 7 reached; not tested: 3 left out" in (
        " ".join(lines.split())
    )


def test_the_records_are_written_and_read(tested, tmp_path):
    store.save(tmp_path, tested)

    again = store.read(tmp_path)

    assert (again.exported, again.strata) == (tested.exported, tested.strata)


def test_the_records_of_workers_are_collected(tested, tmp_path):
    store.begin(tmp_path, tested.header)
    for worker in ("gw0", "gw1"):
        store.append(store.shard(tmp_path, worker), EXPORTED)
    store.append(store.shard(tmp_path, "gw0"), CONFIG)
    store.append(store.shard(tmp_path, "gw1"), JSON)

    run = store.write_run(tmp_path, header=tested.header, finished="then", seconds=3.0)

    assert run.exported == (EXPORTED,)
    assert run.strata == (CONFIG, JSON)


def test_the_shards_of_a_run_add_up(a_run):
    header = msgspec.structs.replace(a_run().header, run="other")
    one = replace(a_run(results=()), exported=(EXPORTED,), strata=(CONFIG,))
    other = replace(a_run(results=(), header=header), exported=(EXPORTED,), strata=(JSON,))

    (found,) = coverages(merge([one, other]))

    assert found.namespaces[1].classes[0].judged == 59


def test_the_same_campaign_counts_once_in_a_merged_run(a_run):
    """As of its results, the last run's counts."""
    runs = [replace(a_run(), exported=(EXPORTED,), strata=(CONFIG,)) for _ in range(2)]

    (found,) = coverages(merge(runs))

    assert found.namespaces[1].classes[0].judged == 10
