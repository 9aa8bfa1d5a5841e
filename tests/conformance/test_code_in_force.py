"""The model's code as it reads at the save, built by the reference, beside the live model."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from saveproof.conformance.families.subjects import resolve
from saveproof.strategies.case import SetTrainable
from saveproof.strategies.cases import cases

NESTED = cases(layers=("Dense", "BatchNormalization"), max_layers=8)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(case=NESTED, drawn=st.data())
def test_the_code_in_force_trains_what_the_live_model_trains(case, drawn):
    subject = resolve("reference")
    within = [path for path in _paths(case.architecture) if "/" in path]
    around = {path.rpartition("/")[0] for path in within}
    paths = st.sampled_from(sorted({*within, *around}) or list(_paths(case.architecture)))
    flags = drawn.draw(st.lists(st.builds(SetTrainable, layer=paths, value=st.booleans())))
    case = replace(case, history=replace(case.history, before=tuple(flags)))
    live, code = subject.build(case), subject.build(case.in_force)
    for event in flags:
        subject.perform(live, event, None)

    assert [w.name for w in code.trainable_weights] == [w.name for w in live.trainable_weights]
    assert _flags(code) == _flags(live)


def _flags(model):
    return [(layer.name, layer.trainable) for layer in model.flatten_layers()]


def _paths(architecture, outer=""):
    for layer in architecture.layers:
        yield outer + layer.name
        if layer.model is not None:
            yield from _paths(layer.model, f"{outer}{layer.name}/")
