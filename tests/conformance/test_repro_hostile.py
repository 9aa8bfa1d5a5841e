"""Scripts of a run that someone else has written: what it holds never becomes code."""

import ast
import copy
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from saveproof.conformance import repro
from saveproof.conformance.families.keras.codegen.source import (
    CallExpression,
    docstring,
    flat,
    identifier,
    index,
    literal,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.replay import NotBuiltIn, replay_reference
from saveproof.conformance.runs.options import Limits
from saveproof.reports.findings import Defect, DefectKind
from saveproof.strategies.case import (
    Case,
    Input,
    InvalidCase,
    Layer,
    Object,
    SetTrainable,
    from_json,
    to_json,
)
from saveproof.strategies.validation import validate
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state
from tests.conformance.test_repro import (
    ARCHITECTURES,
    KERNEL,
    PLACES,
    RMSPROP,
    SCHEDULED,
    STEP,
    case_of,
    chain,
    finding_of,
    nested,
    run_of,
    script_of,
)

DESCRIBED = {"class_name": "GlorotUniform", "config": {"seed": 3}}
MARK = "PWNED"
PAYLOADS = (
    MARK,
    f"0), {MARK}(",
    f'x"); {MARK}(); ("',
    f"x'); {MARK}(); ('",
    f"x\n{MARK}()\n",
    f'""" + {MARK}() + """',
    f'\\"); {MARK}() #',
    f"{{{MARK}()}}",
    f"a={MARK}(), b",
    f"x\r{MARK}()\u2028{MARK}()",
)
OF_MODELS = tuple(facet for facet in Facet if facet is not Facet.BEHAVIOUR)
"""The facets of a model; a behaviour is an object's."""

DEFECTS = (
    *(state(facet, PLACES[facet]) for facet in OF_MODELS),
    *(state(facet, PLACES[facet], "order") for facet in OF_MODELS),
    *(trained_state(facet, PLACES[facet]) for facet in OF_MODELS),
    *(output(), log(), log(kind=DefectKind.LOG_NAMES)),
    *(raised("load"), raised("resume"), raised("another process", "x.Y")),
    of_kind(DefectKind.NOT_FRESH, PLACES[Facet.WEIGHTS], facet=Facet.WEIGHTS),
    of_kind(DefectKind.NOT_REFUSED),
    of_kind(DefectKind.UNCLEAR_REFUSAL, exception="x.Y"),
)
TEXTS = ("facet", "name", "action", "event", "exception", "words", "optimizer", "traceback")


def leaves(value: object, place: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the place of every text in a JSON value, those of keys with None at the end."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*place, key, None)
            yield from leaves(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*place, number))


def with_text(value: object, place: tuple[object, ...], text: str) -> object:
    """Return a copy of the JSON value with another text, or another key, in that place."""
    changed = copy.deepcopy(value)
    *outer, last = place[:-1] if place[-1] is None else place
    holder = changed
    for step in outer:
        holder = holder[step]
    if place[-1] is None:
        holder[text] = holder.pop(last)
    else:
        holder[last] = text
    return changed


def code_in(program: str) -> set[str]:
    """Return every name that the program uses as code: all but what stands in its literals."""
    names = set()
    for node in ast.walk(ast.parse(program)):
        names |= {str(getattr(node, f, "")) for f in ("id", "attr", "name", "module", "arg")}
    return names


def written(case: Case, defect: Defect, **place: str) -> str | None:
    """Return the script, unless it is refused."""
    at = {"subject": "tf_keras", "path": "h5", "check": "weights_survive"} | place
    try:
        return repro.script(case, at["subject"], at["path"], at["check"], defect)
    except (LookupError, RuntimeError, ValueError):  # the case was not validated
        return None


INSIDE = {"class_name": "LSTM", "config": {"units": 3, "kernel_initializer": DESCRIBED}}
WRAPPED = Layer("Bidirectional", {"name": "both", "layer": INSIDE, "merge_mode": "sum"})
FLAT = Layer("Flatten", {"name": "flat"})
SOURCES = {
    "nested": case_of(nested("functional"), STEP, SetTrainable(layer="inner/within", value=False)),
    "subclassed": case_of(ARCHITECTURES["subclassed"], optimizer=SCHEDULED),
    "wrapped": case_of(replace(chain("sequential", WRAPPED, FLAT), inputs=(Input("x", (4, 3)),))),
}


@pytest.mark.parametrize("name", SOURCES)
def test_no_text_of_a_case_becomes_code(name):
    case = SOURCES[name]
    plain = msgspec.json.decode(to_json(case))
    made = 0
    for place in leaves(plain):
        for payload in PAYLOADS:
            try:
                other = from_json(msgspec.json.encode(with_text(plain, place, payload)))
            except InvalidCase:
                continue
            text = written(other, output(), path="weights_h5")
            made += text is not None
            named = place[-1] in (None, "class_name")  # an argument's or a class's name, no more
            keyword = {MARK} if named else set()
            assert not {one for one in code_in(text or "") if MARK in one} - keyword, (
                place,
                payload,
            )

    assert made > 20


@pytest.mark.parametrize("real", DEFECTS, ids=lambda one: one.key)
def test_no_text_of_a_defect_becomes_code(real):
    case = case_of(ARCHITECTURES["shared"])
    made = 0
    for payload in PAYLOADS[:5]:
        where = real.difference.where
        for place in (payload, f"first/{payload}", f"0 {payload}", where):
            difference = replace(real.difference, where=place, expected=payload, found=payload)
            moved = replace(real, difference=difference)
            for field in (None, *TEXTS):
                defect = replace(moved, **{field: payload}) if field else moved
                text = written(case, defect)
                made += text is not None
                assert not [one for one in code_in(text or "") if MARK in one], defect

    assert made


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("part", ["subject", "path", "check"])
def test_a_place_that_is_not_known_has_no_script(part, payload):
    case = case_of(ARCHITECTURES["sequential"])

    assert written(case, KERNEL, **{part: payload}) is None


def test_every_place_of_a_real_finding_has_a_script():
    """The rules for what a program takes refuse none of what checks find."""
    case = case_of(ARCHITECTURES["shared"])

    for facet in OF_MODELS:
        assert written(case, state(facet, PLACES[facet])) is not None


def test_a_class_that_no_case_names_has_no_script():
    case = case_of(ARCHITECTURES["sequential"], optimizer=Object("deserialize", {}))

    with pytest.raises(InvalidCase, match=r"keras\.optimizers: expected the name of a class"):
        script_of(case, KERNEL)


@pytest.mark.parametrize("text", ["", "a b", "a-b", "class", "__class__", "a.", "1", "a\n", "a()"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(InvalidCase, match="expected a name"):
        identifier(text)
    with pytest.raises(InvalidCase, match="expected a name"):
        flat(CallExpression("f", keywords={text: "1"}))


@pytest.mark.parametrize("text", ["", "²", "-1", "1.0", "0)", "0\n"])
def test_what_is_no_number_of_an_entry_is_refused(text):
    with pytest.raises(InvalidCase, match="expected the number of an entry"):
        index(text)


@pytest.mark.parametrize("payload", [*PAYLOADS, "\x1b[31m", "\x9b31m", "\u202e", "\x00", "é😀"])
def test_a_text_is_a_literal_that_a_terminal_does_not_obey(payload):
    assert ast.literal_eval(literal(payload)) == payload
    assert literal(payload).isprintable()
    assert isinstance(ast.literal_eval(docstring(payload)), str)
    assert docstring(payload).isprintable()


def test_a_value_that_json_does_not_have_is_no_literal():
    assert ast.unparse(ast.parse(literal(float("inf")))) == "float('inf')"
    with pytest.raises(InvalidCase, match="found a object"):
        literal(object())


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("activation", {"class_name": "function", "config": "system", "module": "os"}),
        ("activation", [{"class_name": "Popen", "module": "subprocess", "config": {}}]),
        ("kernel_initializer", {**DESCRIBED, "module": "os"}),
        ("kernel_initializer", {**DESCRIBED, "class_name": "deserialize"}),
        ("kernel_initializer", {"class_name": "Orthogonal", "config": {"gain": DESCRIBED}}),
        ("kernel_initializer", {"class_name": "Orthogonal", "config": "os.system"}),
        ("a b", 1),
    ],
)
def test_an_argument_that_a_framework_runs_code_for_is_refused(argument, value):
    """Frameworks import what a description in an argument names."""
    case = case_of(ARCHITECTURES["sequential"])
    plain = msgspec.json.decode(to_json(case))
    plain["architecture"]["layers"][0]["config"][argument] = value

    with pytest.raises(InvalidCase, match="expected"):
        validate(from_json(msgspec.json.encode(plain)))


@pytest.mark.parametrize("optimizer", [RMSPROP, SCHEDULED, Object("Lion", {"beta_1": 0.8})])
def test_a_case_of_plain_arguments_is_valid(optimizer):
    validate(case_of(ARCHITECTURES["nested, functional"], optimizer=optimizer))


def test_a_case_with_a_layer_in_a_layer_is_valid_and_has_a_script():
    validate(SOURCES["wrapped"])

    assert "keras.layers.Bidirectional(" in script_of(SOURCES["wrapped"], output())


@pytest.mark.parametrize(
    "subject",
    ["exec:touch {mark}", "keras@{mark}", "tests.conformance.test_repro_hostile:raise_", "a → b"],
)
def test_a_run_does_not_say_what_subject_a_replay_starts(subject, tmp_path):
    mark = tmp_path / "mark"
    case = case_of(ARCHITECTURES["sequential"])
    run = run_of(
        tmp_path / "run",
        ("weights_survive", finding_of(case, KERNEL)),
        subject=subject.format(mark=mark),
    )

    with pytest.raises(NotBuiltIn, match=r"not built in; .* pass --subject "):
        replay_reference(case.id, [run], None, (), Limits(timeout=10.0))

    assert not mark.exists()
