"""Save paths in source: the lines that save a model, and those that load it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from saveproof.conformance.families.keras.codegen.models import compiling
from saveproof.conformance.families.keras.codegen.training import first_batch
from saveproof.conformance.families.keras.keras3 import BACKENDS
from saveproof.conformance.families.keras.save_paths import (
    KERAS_2_API,
    KERAS_3,
    TF_KERAS,
    SavePathSpec,
)
from saveproof.conformance.model_state.contract import Contract, Facet, Promise
from saveproof.reports.commands import SCRIPTED
from saveproof.strategies.case import Case, Kind


class NotReproducible(LookupError):
    """There is no script for this subject, save path or kind of finding."""


@dataclass(frozen=True)
class Dialect:
    """A module that speaks the Keras API: how it is imported, and its save paths.

    `backend` is what `KERAS_BACKEND` is set to, if anything. `generators` is a function that
    returns the states of a layer's random generators. `settling` asks the framework below,
    imported by `framework`, to repeat itself.
    """

    backend: str
    module: str
    ways: Sequence[SavePathSpec]
    scripts: Mapping[str, "PathScript"]
    generators: Sequence[str]
    framework: str = ""
    settling: str = ""

    def array(self, tensor: str) -> str:
        """Return the expression of a tensor as a NumPy array."""
        return f"keras.ops.convert_to_numpy({tensor})" if self.backend else f"np.array({tensor})"

    def script(self, path: str) -> "PathScript":
        """Return the lines of the save path.

        Raises:
            NotReproducible: they are not known.
        """
        if path not in self.scripts:
            raise NotReproducible(f"path {path!r}: expected one of {sorted(self.scripts)}")
        return self.scripts[path]

    def contract(self, path: str) -> Contract:
        """Return the contract of the save path."""
        return next(way.contract for way in self.ways if way.name == path)


@dataclass(frozen=True)
class PathScript:
    """The statements of a save path.

    `{model}` is the variable that is saved, `{loaded}` the one that comes back, `{stem}` the
    beginning of a file's or variable's name, `{{folder}}` a variable of the script, `{custom}` the
    class of a subclassed model. `code` says that the load builds the model anew; `warms_up` that
    it trains on one batch before it reads.
    """

    save: tuple[str, ...]
    load: tuple[str, ...]
    code: bool = False
    warms_up: bool = False

    def saving(self, model: str, stem: str) -> Iterator[str]:
        """Yield the lines that save."""
        return (line.format(model=model, stem=stem) for line in self.save)

    def loading(self, case: Case, model: str, loaded: str, stem: str) -> Iterator[str]:
        """Yield the lines that load; where code is needed they call `rebuild` or `build`."""
        if self.code:
            yield f"{loaded} = {rebuild(case)}()"
        if self.warms_up and case.trained_since_compile:
            yield from first_batch(case, loaded)
        written = case.architecture.kind is Kind.SUBCLASSED
        custom = ', custom_objects={"Written": Written}' if written else ""
        for line in self.load:
            yield line.format(model=model, loaded=loaded, stem=stem, custom=custom)


def rebuild(case: Case) -> str:
    """Return the function that stands for the model's code in force at the save."""
    return "build" if case.in_force == case else "rebuild"


def training_ready(dialect: Dialect, path: str, case: Case, loaded: str) -> Iterator[str]:
    """Yield what makes a loaded model train on as the case would have it."""
    if dialect.contract(path).facets.get(Facet.COMPILE) in (None, Promise.FRESH):
        yield from compiling(loaded, case.final_settings)
    elif not dialect.script(path).code and case.settings.run_eagerly:
        yield f"{loaded}.run_eagerly = True"


def _file(extension: str) -> str:
    return f'f"{{{{folder}}}}/{{stem}}{extension}"'


def _whole(extension: str) -> PathScript:
    return PathScript(
        (f"{{model}}.save({_file(extension)})",),
        (f"{{loaded}} = keras.models.load_model({_file(extension)}{{custom}})",),
    )


def _weights(extension: str, options: str = "", *, warms_up: bool = False) -> PathScript:
    return PathScript(
        (f"{{model}}.save_weights({_file(extension)}{options})",),
        (f"{{loaded}}.load_weights({_file(extension)})",),
        code=True,
        warms_up=warms_up,
    )


def _both(one: PathScript, other: PathScript) -> PathScript:
    return PathScript(one.save + other.save, one.load + other.load)


_CONFIG = PathScript(
    ("{stem}_config = {model}.get_config()", "{stem}_class = type({model})"),
    ("{loaded} = {stem}_class.from_config({stem}_config)",),
)
_MEMORY = PathScript(
    ("{stem}_weights = {model}.get_weights()",),
    ("{loaded}.set_weights({stem}_weights)",),
    code=True,
)
_JSON = PathScript(
    (f'Path({_file(".json")}).write_text({{model}}.to_json(), encoding="utf-8")',),
    (
        f'{{stem}}_json = Path({_file(".json")}).read_text(encoding="utf-8")',
        "{loaded} = keras.models.model_from_json({stem}_json)",
    ),
)

_KERAS_2 = {
    "config": _CONFIG,
    "json": _JSON,
    "weights_in_memory": _MEMORY,
    "config_and_weights": _both(_CONFIG, _MEMORY),
    "h5": _whole(".h5"),
    "weights_h5": _weights(".h5"),
    "json_and_weights_h5": _both(_JSON, _weights("_weights.h5")),
}
_TF_KERAS = _KERAS_2 | {
    "savedmodel": PathScript(
        (f'{{model}}.save({_file("")}, save_format="tf")',),
        (f"{{loaded}} = keras.models.load_model({_file('')})",),
    ),
    "keras": _whole(".keras"),
    "checkpoint": _weights("_weights", ', save_format="tf"', warms_up=True),
}
_KERAS_3 = {
    "keras": _whole(".keras"),
    "h5": _whole(".h5"),
    "weights_h5": _weights(".weights.h5"),
    "config": _CONFIG,
    "json": _JSON,
    "weights_in_memory": _MEMORY,
    "config_and_weights": _both(_CONFIG, _MEMORY),
    "json_and_weights": _both(_JSON, _weights(".weights.h5")),
    "clone": PathScript((), ("{loaded} = keras.models.clone_model({model})",)),
}
_TF_GENERATORS = (
    "def generators(layer):",
    '    drawn = getattr(layer, "cell", layer)._random_generator',
    "    return [drawn._seed if drawn._generator is None else drawn._generator.state]",
)
_KERAS_3_GENERATORS = (
    "def generators(layer):",
    "    parts = layer._flatten_layers(include_self=True, recursive=True)",
    "    return [one.state for part in parts for one in part._seed_generators]",
)
_GENERATORS = (
    "def generators(layer):",
    "    states = layer.extra_state.items()",
    '    return [state for name, state in states if name == "seed_generator_state"]',
)

_BACKENDS: Mapping[str, tuple[str, str]] = {
    "tensorflow": (
        "import tensorflow as tf",
        "tf.config.experimental.enable_op_determinism()",
    ),
    "jax": ("", ""),
    "torch": ("import torch", "torch.use_deterministic_algorithms(True)"),
}
"""Import and settling of the frameworks below Keras."""


def dialect_of(subject: str) -> Dialect:
    """Return the subject's dialect; `keras` is Keras on the first backend that is installed.

    Raises:
        NotReproducible: the subject is none of the Keras family's.
    """
    if subject not in SCRIPTED:
        raise NotReproducible(
            f"subject {subject!r}: a script can be written for {', '.join(SCRIPTED)} only; "
            "`saveproof replay` takes every subject"
        )
    if subject == "reference":
        module = "from saveproof import reference_impl as keras"
        return Dialect("", module, KERAS_2_API, _KERAS_2, _GENERATORS)
    if subject == "tf_keras":
        module = "import tf_keras as keras"
        below = _BACKENDS["tensorflow"]
        return Dialect("", module, TF_KERAS, _TF_KERAS, _TF_GENERATORS, *below)
    backend = subject.partition(":")[2] or next(filter(find_spec, BACKENDS), "tensorflow")
    below = _BACKENDS[backend]
    return Dialect(backend, "import keras", KERAS_3, _KERAS_3, _KERAS_3_GENERATORS, *below)
