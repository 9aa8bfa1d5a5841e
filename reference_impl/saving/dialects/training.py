"""Compile settings in either dialect."""

from collections.abc import Mapping
from typing import Any

from saveproof.reference_impl import losses, metrics, optimizers
from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.engine.compiled import Compiled
from saveproof.reference_impl.nest import map_leaves
from saveproof.reference_impl.optimizers import LossScaleOptimizer, Optimizer
from saveproof.reference_impl.saving.dialects.dialect import Dialect

Entry = dict[str, Any]


class UnwritableOptimizer(ValueError):
    """The dialect has no such optimizer."""


_UNKNOWN_TO_KERAS_3: Mapping[str, tuple[Any, ...]] = {
    "fn": (...,),
    "jit_compile": (...,),
    "is_legacy_optimizer": (...,),
    "ignore_class": (None,),
    "name": (None,),
}
"""Keys of Keras 2, with the values for which they are omitted; `...` is any value."""


def compile_config(compiled: Compiled, dialect: Dialect, *, with_module: bool = True) -> Entry:
    """Return the arguments of `compile` for `.keras`; for Keras 3's HDF5 without modules."""
    arguments = compiled.arguments
    prefixes = _prefixes(compiled)

    def written(item: Any, serialize: Any) -> Any:
        if not callable(item):
            return item
        found = serialize(item, use_legacy_format=not with_module)
        return _keras_3(found) if dialect is Dialect.KERAS else found

    def loss(item: Any) -> Any:
        if isinstance(item, str) and dialect is Dialect.KERAS and not with_module:
            return _long_name(item)
        return written(item, losses.serialize)

    def metric(item: Any) -> Any:
        found = written(item, metrics.serialize)
        return _unprefixed(found, prefixes.get(id(item), ""))

    optimizer: Any = optimizers.serialize(compiled.optimizer)
    if dialect is Dialect.KERAS:
        optimizer = _keras_3_optimizer(compiled.optimizer, optimizer)
    settings = {
        "loss": map_leaves(loss, arguments.loss),
        "metrics": map_leaves(metric, arguments.metrics),
        "loss_weights": arguments.loss_weights,
        "weighted_metrics": map_leaves(metric, arguments.weighted_metrics),
        "run_eagerly": bool(arguments.run_eagerly),
    }
    if with_module:
        return {"optimizer": optimizer, **settings}
    plain = {key: optimizer[key] for key in ("class_name", "config")}
    return {**settings, "optimizer_config": plain}


def _long_name(loss: str) -> str:
    """Return a loss's full name for an alias such as 'mse', which Keras 3 cannot load from HDF5."""
    if loss in active_custom_objects():
        return loss
    return str(getattr(losses.get(loss), "__name__", loss))


def _keras_3_optimizer(optimizer: Optimizer, entry: Any) -> Any:
    """Return an optimizer's entry in Keras 3's form.

    Raises:
        UnwritableOptimizer: if Keras 3 has none like it.
    """
    if not isinstance(optimizer, LossScaleOptimizer):
        return _keras_3(entry)
    if not optimizer.dynamic:
        raise UnwritableOptimizer(
            "LossScaleOptimizer: expected dynamic=True, since Keras 3 has no fixed scale, found "
            f"a scale of {optimizer.initial_scale}; save with dialect='tf_keras'"
        )
    config = {key: value for key, value in entry["config"].items() if key != "dynamic"}
    inner = optimizer.updating
    config["inner_optimizer"] = _keras_3_optimizer(inner, optimizers.serialize(inner))
    return {
        "module": "keras.optimizers",
        "class_name": type(optimizer).__name__,
        "config": config,
        "registered_name": None,
    }


def _keras_3(entry: Any) -> Any:
    """Return the entry of a loss, metric or optimizer in Keras 3's form."""
    if not isinstance(entry, Mapping):
        return entry
    if "config" in entry and isinstance(entry["config"], Mapping):
        return {**entry, "config": _keras_3_arguments(entry["config"])}
    return dict(entry)


def _keras_3_arguments(config: Mapping[str, Any]) -> Entry:
    kept = {
        key: _keras_3(value)
        for key, value in config.items()
        if not any(left is ... or left == value for left in _UNKNOWN_TO_KERAS_3.get(key, ()))
    }
    if kept.get("reduction") == "auto":
        kept["reduction"] = "sum_over_batch_size"
    if kept.get("axis") == -1:
        # Some classes with this argument in Keras 2 lack it in Keras 3.0; omit its default.
        del kept["axis"]
    return kept


def _prefixes(compiled: Compiled) -> dict[int, str]:
    """Return the prefix of each metric's name in a model with several outputs, by `id`."""
    if len(compiled.names) < 2:
        return {}
    return {
        id(metric): f"{name}_"
        for name, plain, weighted in zip(
            compiled.names, compiled.output_metrics, compiled.output_weighted_metrics, strict=True
        )
        for metric in (*plain, *weighted)
    }


def _unprefixed(entry: Any, prefix: str) -> Any:
    """Return a metric's entry with the user's name, without the output's."""
    if not prefix:
        return entry
    name = str(entry["config"]["name"]).removeprefix(prefix)
    return {**entry, "config": {**entry["config"], "name": name}}
