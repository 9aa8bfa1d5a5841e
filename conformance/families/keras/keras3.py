"""The subjects `keras` and `keras:<backend>`: Keras 3 with deterministic operations."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.codegen.models import RECURRENT
from saveproof.conformance.families.keras.dialect import Dialect
from saveproof.conformance.families.keras.generators import Generators
from saveproof.conformance.families.keras.inspection import Traits
from saveproof.conformance.families.keras.keras_api import KerasSubject, always
from saveproof.conformance.families.keras.save_paths import KERAS_3, KERAS_3_ON_TENSORFLOW
from saveproof.conformance.families.keras.tensorflow_determinism import (
    TENSORFLOW_SETTLING,
    make_tensorflow_deterministic,
    tensorflow_generators,
)
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import MODELS, Architecture


class AnotherBackend(RuntimeError):
    """This process runs Keras on another backend already."""


def keras() -> KerasSubject:
    """Return Keras on the first backend that is installed."""
    installed = [backend for backend in BACKENDS if find_spec(backend) is not None]
    return _subject("keras", next(iter(installed), "tensorflow"))


def keras_jax() -> KerasSubject:
    """Return Keras on JAX."""
    return _subject("keras:jax", "jax")


def keras_tensorflow() -> KerasSubject:
    """Return Keras on TensorFlow."""
    return _subject("keras:tensorflow", "tensorflow")


def keras_torch() -> KerasSubject:
    """Return Keras on torch."""
    return _subject("keras:torch", "torch")


def _subject(name: str, backend: str) -> KerasSubject:
    traits = Traits(
        array=_array,
        generators=_generators,
        recurrent=_recurrent,
        loss_arguments=_loss_arguments,
    )
    return KerasSubject(
        *(name, "keras", traits, PATHS.get(backend, KERAS_3), ("keras", backend)),
        capabilities=CAPABILITIES.get(backend, ANY_NAMES),
        prepare=partial(_prepare, backend),
        process=GENERATORS.get(backend, Generators)(),
        eager=_loopless if backend == "jax" else always,
        dialect=Dialect(backend, _GENERATORS, *SETTLING[backend]),
        restart_names=_restart_names,
    )


def _prepare(backend: str) -> None:
    loaded = sys.modules.get("keras")
    if loaded is not None and loaded.backend.backend() != backend:
        raise AnotherBackend(
            f"expected Keras on {backend}, found Keras on {loaded.backend.backend()} in this "
            "process; a process has one backend: run the other in a process of its own"
        )
    os.environ["KERAS_BACKEND"] = backend
    BACKENDS[backend]()
    # a finding shows the functions of Keras that raised
    import_module("keras").config.disable_traceback_filtering()


def _configure_jax() -> None:
    """Set XLA to one thread and a cache of its compiled programs, before JAX starts it.

    JAX compiles equal programs again for each model and shape. With a cache for the process, an
    example takes a tenth of the time.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="compiled")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_multi_thread_eigen" not in flags:
        one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{flags} {one_thread}".strip()


def _loopless(architecture: Architecture) -> bool:
    """Return whether a model has no recurrent layer, whose loop JAX compiles at each eager call.

    The operations of other layers recur from one model to the next, which whole programs do not.
    """
    layers = architecture.every_layer()
    return not any(layer.class_name in RECURRENT | {"Bidirectional"} for layer in layers)


def _make_torch_deterministic() -> None:
    torch = import_module("torch")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


BACKENDS: Mapping[str, Callable[[], None]] = {
    "tensorflow": make_tensorflow_deterministic,
    "jax": _configure_jax,
    "torch": _make_torch_deterministic,
}
"""Backends in the order of preference, with the function that makes each deterministic."""


GENERATORS: Mapping[str, Callable[[], Generators]] = {
    "tensorflow": tensorflow_generators,
    "torch": lambda: Generators(_torch_state),
}
"""Backends that have process-wide generators of their own."""

PATHS = {"tensorflow": KERAS_3_ON_TENSORFLOW}
"""Save paths of backends that have more than the others."""

SETTLING: Mapping[str, tuple[str, str]] = {
    "tensorflow": TENSORFLOW_SETTLING,
    "jax": ("", ""),
    "torch": ("import torch", "torch.use_deterministic_algorithms(True)"),
}
"""Import and settling of each backend, as a script has them."""

_GENERATORS = (
    "def generators(layer):",
    "    parts = layer._flatten_layers(include_self=True, recursive=True)",
    "    return [one.state for part in parts for one in part._seed_generators]",
)

ANY_NAMES = Capabilities(non_ascii=MODELS)

CAPABILITIES = {
    "torch": ANY_NAMES.but(not_in_names=".", without={"LSTM": ("stateful",), "GRU": ("stateful",)})
}
"""Torch keeps a layer's variables as parameters of a module, whose names have no dots.

Keras 3.15 assigns the state of a stateful LSTM or GRU in place, and torch then refuses to compute
the gradient; a stateful SimpleRNN trains.
"""


def _restart_names(_: ModuleType) -> None:
    state = import_module("keras.src.backend.common.global_state")
    state.set_global_attribute("object_name_uids", None)


def _array(variable: Any) -> np.ndarray:
    return np.array(import_module("keras").ops.convert_to_numpy(variable))


def _generators(layer: Any) -> Sequence[Any]:
    parts = layer._flatten_layers(include_self=True, recursive=True)
    return [generator.state for part in parts for generator in part._seed_generators]


def _recurrent(layer: Any) -> Sequence[Any]:
    if type(layer).__name__ not in RECURRENT or not layer.stateful or layer.states is None:
        return ()
    return list(layer.states)


def _loss_arguments(loss: Any) -> Mapping[str, Any]:
    """Return the arguments of a loss's function; a name or a function has none."""
    held: Mapping[str, Any] = getattr(loss, "_fn_kwargs", {})
    return held


def _torch_state() -> Mapping[str, str]:
    """Return the state of torch's generator, which Keras uses without a layer's own generator."""
    state: np.ndarray = import_module("torch").get_rng_state().numpy()
    return {"torch": state.tobytes().hex()}
