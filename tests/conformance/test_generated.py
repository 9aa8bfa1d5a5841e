"""The command `saveproof cases`: programs, drawings, and how often each thing comes up."""

from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.generated import frequencies, generated, shown


def printed(*arguments):
    """Return what `saveproof cases` prints, and its exit code."""
    done = CliRunner().invoke(app, ["cases", *arguments])
    return done.output, done.exit_code


def test_a_case_is_shown_as_the_program_that_a_run_executes():
    text, code = printed("-n", "1", "--kind", "sequential", "--subject", "reference")

    assert code == 0
    assert "model = keras.Sequential([" in text
    assert "model.compile(" in text
    assert "# here, the model is saved and loaded" in text
    compile(text, "case", "exec")


def test_a_case_of_another_subject_is_shown_as_a_drawing():
    text, code = printed("--subject", "examples.linear_class:Linear", "-n", "2")

    assert code == 0
    assert text.count("sequential model") == 2
    assert "Dense(units=" in text


def test_cases_keep_to_what_the_subject_has():
    several = generated("examples.linear_class:Linear", (), seed=0, count=20)
    rows = frequencies(several)

    assert len(several) == 20
    assert {row.name for row in rows if row.group == "layer"} == {"Dense"}
    assert {row.name for row in rows if row.group == "event"} == {
        *("before the save: train_on_batch", "after the load: train_on_batch")
    }


def test_a_thing_counts_once_in_each_case():
    several = generated("examples.mlp_subject:mlp", (), seed=0, count=30)

    (dense,) = (row for row in frequencies(several) if row.group == "layer")
    assert dense.cases == 30


def test_the_table_counts_classes_arguments_and_events():
    text, _ = printed("--count", "20", "--kind", "functional")

    assert text.startswith("20 cases\n")
    for word in ("layer", "optimizer", "Dense.units", "before the save: train_on_batch"):
        assert word in text


def test_the_same_seed_shows_the_same_cases():
    one, other, third = (
        shown("reference", generated("reference", ["sequential"], seed=seed, count=4))
        for seed in (1, 1, 2)
    )

    assert one == other
    assert one != third


def test_a_kind_that_the_subject_has_not_is_refused():
    text, code = printed("--subject", "examples.linear_class:Linear", "--kind", "functional")

    assert code == 2
    assert "unknown kind functional; expected one of ['sequential']" in text
