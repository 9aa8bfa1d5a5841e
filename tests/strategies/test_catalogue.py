"""The catalogue: cases of each class, one argument at a time, from signatures and one table."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import find, settings

from saveproof.strategies.case import Kind, from_json, to_json
from saveproof.strategies.catalogue import models, objects
from saveproof.strategies.catalogue.entries import ENTRIES, LEFT_OUT, Entry, Tensor
from saveproof.strategies.catalogue.exports import Argument, ExportedClass, Exports
from saveproof.strategies.catalogue.marked import array, classes_in, made, mark_of, several
from saveproof.strategies.catalogue.values import VALUES, values_of
from saveproof.strategies.validation import validate

PAGE = Path(__file__).parents[2] / "docs" / "add-a-class.md"
HUBER = ExportedClass(
    "losses", "Huber", (Argument("delta", default=1.0), Argument("name", default="huber"))
)
POOL = ExportedClass("layers", "MaxPooling2D", (Argument("pool_size", required=True),))


def of(*classes: ExportedClass) -> list[tuple[tuple[str, ...], dict[str, object]]]:
    cases = objects.cases(Exports(classes))
    return [(case.tested, case.architecture.layers[0].config) for case in cases]


def test_a_class_comes_plain_and_then_with_one_argument_at_a_time():
    (plain, *others) = of(HUBER)

    assert plain == ((), {})
    assert {tested for tested, _ in others} == {("delta",), ("name",)}
    assert all(set(config) == set(tested) for tested, config in others)


def test_a_default_is_no_value_to_test():
    given = [config["delta"] for tested, config in of(HUBER) if tested == ("delta",)]

    assert 1.0 not in given
    assert len(given) > 1


def test_an_argument_for_each_axis_of_a_window_has_as_many_lengths():
    plain, *others = [config["pool_size"] for _, config in of(POOL)]

    assert plain == 3
    assert others == [several(3, 2), [2, 3]]


def test_a_class_without_values_for_an_argument_says_so():
    odd = ExportedClass("layers", "Odd", (Argument("unheard_of"),))

    assert objects.reason_left_out(odd, "unheard_of") == objects.NO_VALUES
    assert [tested for tested, _ in of(odd)] == [()]


def test_a_value_with_a_class_that_the_subject_lacks_is_left_out():
    dense = ExportedClass("layers", "Dense", (Argument("kernel_constraint"),))
    constraint = ExportedClass("constraints", "NonNeg")
    named = [c for _, config in of(dense, constraint) for c in classes_in(config)]

    assert named == ["constraints.NonNeg"]


def test_every_reason_and_value_of_an_entry_is_of_one_argument():
    for qualified, entry in ENTRIES.items():
        both = set(entry.values) & set(entry.left_out)
        assert not both, f"{qualified}: {both} has values and is left out"
        assert not (entry.why and (entry.values or entry.given)), qualified
    assert not set(VALUES) & set(LEFT_OUT)


def test_the_endings_of_weights_arguments_have_values():
    assert values_of("alpha_regularizer") == values_of("bias_regularizer")
    assert values_of("unheard_of") is None


@pytest.mark.parametrize("value", [several(1), array([1.0]), made("layers.Dense", units=3)])
def test_a_marked_value_is_json(value):
    case = objects.case("layers.Dense", {"units": value}, ("units",))

    assert from_json(to_json(case)) == case
    assert mark_of(value)


def test_a_plain_case_is_without_the_arguments_under_test():
    case = objects.case("losses.Huber", {"delta": 0.3, "name": "own"}, ("delta",))

    assert case.plain.architecture.layers[0].config == {"name": "own"}
    assert case.is_object
    assert case.plain.tested == ()


def test_generated_objects_have_several_arguments_and_shrink_to_plain_ones():
    classes = Exports((HUBER,))
    found = find(objects.drawn(classes), lambda case: len(case.tested) > 1)
    assert sorted(found.tested) == ["delta", "name"]
    quick = settings(max_examples=20)
    assert find(objects.drawn(classes), lambda _: True, settings=quick).tested == ()


def test_the_smallest_models_are_valid_and_say_what_they_test():
    names = Counter()
    every = Exports(
        (
            HUBER,
            ExportedClass("layers", "ELU", (Argument("alpha", default=1.0),)),
            ExportedClass("metrics", "Mean", (Argument("name"),)),
            ExportedClass("optimizers", "Lion", (Argument("beta_1", default=0.9),)),
            ExportedClass("initializers", "Ones"),
            ExportedClass("random", "SeedGenerator", (Argument("seed"),)),
        )
    )
    for case in models.smallest(every):
        validate(case)
        assert case.architecture.kind is Kind.FUNCTIONAL
        names.update(case.tested)

    assert names == {"delta": 2, "name": 2, "alpha": 2, "beta_1": 2}


def test_a_layer_with_words_is_in_no_model():
    lookup = ExportedClass("layers", "StringLookup", (Argument("vocabulary"),))

    assert not list(models.smallest(Exports((lookup,))))
    assert Tensor((3,), words=("a",)) != Tensor((3,))


def test_the_example_of_the_page_gives_what_the_page_says(monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    printed = re.search(r"^```text\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    monkeypatch.setitem(ENTRIES, "layers.Repeated", Entry())

    exec(program, {})

    assert printed is not None
    assert capsys.readouterr().out == printed[1]
