"""Shards of a run, and their merge into one."""

import msgspec
import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.runs.parts import NoSuchPart, balanced, part
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec
from saveproof.reports import store

SUBJECT = "tests.conformance.faulty:Counting"
ASKED = ("run", SUBJECT, "--check", "weights_survive", "--examples", "1", "-n", "0")


def a_set(name, examples):
    spec = CampaignSpec("s", name, "sequential", ("weights_survive",), examples, 0, 1.0)
    return CampaignSet("", "s", (spec,))


SETS = [a_set(str(n), examples) for n, examples in enumerate((30, 10, 20, 10, 30))]


def test_each_set_is_in_one_part_and_keeps_its_order():
    parts = balanced(SETS, 3)

    assert sorted((one for each in parts for one in each), key=SETS.index) == SETS
    assert all(list(each) == sorted(each, key=SETS.index) for each in parts)


def test_parts_have_nearly_as_many_cases():
    parts = balanced(SETS, 2)

    assert [sum(s.campaigns[0].examples for s in each) for each in parts] == [50, 50]


def test_parts_of_one_run_have_its_plan_and_those_of_another_do_not():
    first, second, other = part(SETS, "1/2"), part(SETS, "2/2"), part(SETS[1:], "1/2")

    assert first[0].plan == second[0].plan != other[0].plan
    assert part(SETS, None) == (None, tuple(SETS))


def test_a_part_above_the_number_of_parts_is_refused():
    with pytest.raises(NoSuchPart, match=r"expected a part from 1/2 to 2/2, found 3/2"):
        part(SETS, "3/2")


def invoke(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Return the folders of the four shards of a run of three sets: one shard is empty."""
    folder = tmp_path_factory.mktemp("shards")
    outs = [folder / f"shard-{number}" for number in range(1, 5)]
    for number, out in enumerate(outs, 1):
        done = invoke(*ASKED, "--shard", f"{number}/4", "--out", out)
        assert done.exit_code == 0, done.output
    return outs


def test_the_shards_of_a_run_merge_into_the_run(shards, tmp_path):
    done = invoke("merge", *shards, "--out", tmp_path / "merged")
    assert invoke(*ASKED, "--out", tmp_path / "whole").exit_code == 0
    merged, whole = store.read(tmp_path / "merged"), store.read(tmp_path / "whole")

    def results(run):
        return sorted(msgspec.structs.replace(r, seconds=0.0).slot for r in run.results)

    assert done.exit_code == 0, done.output
    assert merged.complete
    assert results(merged) == results(whole)
    assert {r.slot: r.tally for r in merged.results} == {r.slot: r.tally for r in whole.results}
    assert {p.name for p in merged.header.subjects[0].paths} == {"one", "two", "three"}
    assert (tmp_path / "merged" / "report.html").exists()


def test_a_missing_shard_is_named_and_the_merged_run_is_incomplete(shards, tmp_path):
    done = invoke("merge", *shards[:2], shards[3], "--out", tmp_path / "merged")

    assert done.exit_code == 2
    assert "shard 3 of 4 is missing" in done.output
    assert not store.read(tmp_path / "merged").complete


def test_one_shard_alone_is_no_merged_run(shards, tmp_path):
    done = invoke("merge", shards[0], "--out", tmp_path / "merged")

    assert done.exit_code == 2
    assert all(f"shard {number} of 4 is missing" in done.output for number in (2, 3, 4))


def test_shards_of_different_runs_are_not_merged(shards, tmp_path):
    other = tmp_path / "other"
    assert invoke(*ASKED, "--seed", "1", "--shard", "2/4", "--out", other).exit_code == 0

    done = invoke("merge", shards[0], other, "--out", tmp_path / "merged")

    assert done.exit_code == 2
    assert "expected shards of one run" in done.output


def test_a_merge_replaces_a_run_only_by_force(shards):
    before = (shards[1] / "run.jsonl").read_bytes()

    refused = invoke("merge", *shards, "--out", shards[1])

    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert (shards[1] / "run.jsonl").read_bytes() == before
