"""The losses and metrics of each output, created from the arguments of `compile`."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from saveproof.reference_impl import losses as loss_functions
from saveproof.reference_impl import metrics as metric_functions
from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.engine.batches import matched_targets
from saveproof.reference_impl.engine.errors import DataMismatch
from saveproof.reference_impl.engine.flags import Flags
from saveproof.reference_impl.losses import Loss, LossFunctionWrapper
from saveproof.reference_impl.losses.loss import mask_in, weights_in_mask
from saveproof.reference_impl.metrics import Mean, MeanMetricWrapper, Metric
from saveproof.reference_impl.nest import Nested, leaves
from saveproof.reference_impl.numerics.autodiff import Tensor
from saveproof.reference_impl.optimizers import Optimizer

BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")
"""Names of metrics whose function depends on the shapes of targets and predictions."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `compile` except the optimizer, as given by the user."""

    loss: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    loss_weights: Any = None
    run_eagerly: bool | None = None


class Compiled:
    """The optimizer, losses and metrics of a compiled model; the latter exist once `ready`."""

    def __init__(self, optimizer: Optimizer, arguments: Arguments) -> None:
        self.optimizer = optimizer
        self.arguments = arguments
        self.loss_metric = Mean(name="loss")
        self.output_losses: list[Loss | None] = []
        self.output_loss_weights: list[float | None] = []
        self.output_loss_metrics: list[Mean | None] = []
        self.output_metrics: list[list[Metric]] = []
        self.output_weighted_metrics: list[list[Metric]] = []
        self.names: list[str] = []
        self.shapes: list[tuple[Any, Any]] = []
        self.flags: Flags = []
        self.keys: Sequence[str] | None = None
        """The keys of the outputs in dictionaries; None if the keys are the outputs' names."""

    @property
    def ready(self) -> bool:
        """Whether the losses and metrics have been created."""
        return bool(self.names)

    @property
    def metrics(self) -> list[Metric]:
        """Every metric in the order of the logs: losses first, then output by output."""
        if not self.ready:
            return []
        of_losses = [metric for metric in self.output_loss_metrics if metric is not None]
        of_outputs = [
            metric
            for plain, weighted in zip(
                self.output_metrics, self.output_weighted_metrics, strict=True
            )
            for metric in (*plain, *weighted)
        ]
        return [self.loss_metric, *of_losses, *of_outputs]

    def prepare(self, names: Sequence[str], shapes: Sequence[tuple[Any, Any]]) -> None:
        """Create the losses and metrics.

        Args:
            names: of the outputs.
            shapes: of each output's targets and predictions, which determine what 'accuracy' means.
        """
        arguments, several, keys = self.arguments, len(names) > 1, self.keys or names
        self.output_losses = [_loss(given) for given in per_output(arguments.loss, keys, "loss")]
        self.output_loss_weights = per_output(arguments.loss_weights, keys, "loss_weights")
        self.output_loss_metrics = [
            Mean(name=f"{name}_loss") if several and loss is not None else None
            for name, loss in zip(names, self.output_losses, strict=True)
        ]
        self.output_metrics = _metrics(arguments.metrics, keys, shapes, "metrics")
        self.output_weighted_metrics = _metrics(
            arguments.weighted_metrics, keys, shapes, "weighted_metrics"
        )
        self._name_metrics(names)
        self.names, self.shapes = list(names), list(shapes)

    def _name_metrics(self, names: Sequence[str]) -> None:
        """Prepend the output's name if there are several outputs; reject equal names."""
        taken: set[str] = set()
        several = len(names) > 1
        for name, plain, weighted in zip(
            names, self.output_metrics, self.output_weighted_metrics, strict=True
        ):
            for metric in plain:
                metric.name = _prefixed(name, metric.name) if several else metric.name
                _take(metric.name, taken)
            for metric in weighted:
                candidate = _prefixed(name, metric.name) if several else metric.name
                if candidate in taken and several:
                    candidate = f"{name}_weighted_{metric.name}"
                elif candidate in taken:
                    candidate = f"weighted_{metric.name}"
                metric.name = candidate
                _take(candidate, taken)

    def loss_of(
        self,
        targets: Sequence[Tensor | None],
        predictions: Sequence[Tensor],
        weights: Sequence[Tensor | None],
        regularization: Sequence[Tensor],
    ) -> Tensor:
        """Return the weighted sum of the outputs' losses plus regularization; update its mean.

        Raises:
            DataMismatch: if there is neither a loss nor regularization.
        """
        values: list[Tensor] = []
        samples = 1
        for target, prediction, weight, loss, loss_weight, metric in zip(
            targets,
            predictions,
            weights,
            self.output_losses,
            self.output_loss_weights,
            self.output_loss_metrics,
            strict=True,
        ):
            if target is None or loss is None:
                continue
            matched, sample_weight = matched_targets(target, prediction, weight)
            value = loss(matched, prediction, sample_weight)
            samples = matched.shape[0]
            if metric is not None:
                metric.update_state(value, sample_weight=samples)
            values.append(value if loss_weight is None else value * loss_weight)
        if not values and not regularization:
            raise DataMismatch("the model cannot be trained: it has neither a loss nor targets")
        total = _summed([*values, *([_summed(regularization)] if regularization else [])])
        self.loss_metric.update_state(total, sample_weight=samples)
        return total

    def update_metrics(
        self,
        targets: Sequence[Tensor | None],
        predictions: Sequence[Tensor],
        weights: Sequence[Tensor | None],
    ) -> None:
        """Update every metric with a batch; only `weighted_metrics` use the sample weights.

        What the mask of the predictions leaves out has the weight 0.
        """
        for target, prediction, weight, plain, weighted in zip(
            targets,
            predictions,
            weights,
            self.output_metrics,
            self.output_weighted_metrics,
            strict=True,
        ):
            if target is None or not (plain or weighted):
                continue
            matched, sample_weight = matched_targets(target, prediction, weight)
            mask = mask_in(prediction)
            kept = {} if mask is None else {"sample_weight": mask}
            for metric in plain:
                metric.update_state(matched, prediction, **kept)
            weights_kept = weights_in_mask(sample_weight, mask)
            for metric in weighted:
                metric.update_state(matched, prediction, sample_weight=weights_kept)


def _summed(values: Sequence[Tensor]) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def per_output(given: Any, names: Sequence[str], argument: str) -> list[Any]:
    """Return one object per output, given one for all, a list, or a dictionary by output name.

    Raises:
        DataMismatch: if names or numbers do not match the outputs.
    """
    if isinstance(given, Mapping) and "class_name" not in given:
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise DataMismatch(f"{argument}: expected outputs named {list(names)}, found {unknown}")
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise DataMismatch(f"{argument}: expected {len(names)} entries, found {len(given)}")
        return list(given)
    return [given] * len(names)


def structure_of(data: Nested, names: Sequence[str], argument: str) -> list[Any]:
    """Return the targets or weights of each output, given an array, a list or a dictionary."""
    if data is None:
        return [None] * len(names)
    if isinstance(data, Mapping):
        return per_output(data, names, argument)
    found = list(leaves(data))
    if len(found) == 1 and argument == "sample_weight":
        return found * len(names)
    if len(found) != len(names):
        raise DataMismatch(f"{argument}: expected {len(names)} arrays, found {len(found)}")
    return found


def _loss(given: Any) -> Loss | None:
    if given is None or isinstance(given, Loss):
        return given
    found = loss_functions.get(given, custom_objects=active_custom_objects())
    if isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=found.__name__)


def _metrics(
    given: Any, names: Sequence[str], shapes: Sequence[tuple[Any, Any]], argument: str
) -> list[list[Metric]]:
    nested = isinstance(given, list | tuple) and any(
        isinstance(item, list | tuple | Mapping) and "class_name" not in item for item in given
    )
    entries = (
        per_output(given, names, argument)
        if nested or isinstance(given, Mapping)
        else [given] * len(names)
    )
    found: list[list[Metric]] = []
    used: set[int] = set()
    for entry, shape in zip(entries, shapes, strict=True):
        listed = [item for item in _listed(entry) if item is not None]
        found.append([_own(_metric(item, *shape), used) for item in listed])
    return found


def _listed(entry: Any) -> list[Any]:
    """Return the metrics of one output; keys of a dictionary are ignored, as in Keras."""
    if isinstance(entry, Mapping) and "class_name" not in entry:
        entry = [entry[name] for name in sorted(entry)]
    if not isinstance(entry, list | tuple):
        return [entry]
    return [metric for item in entry for metric in _listed(item)]


def _own(metric: Metric, used: set[int]) -> Metric:
    """Return the metric, or a copy if another output already uses it."""
    if id(metric) in used:
        metric = deepcopy(metric)
        metric.reset_state()
    used.add(id(metric))
    return metric


def _metric(given: Any, target_shape: Sequence[int], prediction_shape: Sequence[int]) -> Metric:
    if isinstance(given, Metric):
        return given
    found: Any = given
    if isinstance(given, str) and given.lower() in BY_SHAPE:
        found = _by_shape(given.lower(), target_shape, prediction_shape)
    else:
        found = metric_functions.get(given, custom_objects=active_custom_objects())
    if isinstance(found, Metric):
        return found
    return MeanMetricWrapper(found, name=given if isinstance(given, str) else found.__name__)


def _by_shape(
    name: str, target_shape: Sequence[int], prediction_shape: Sequence[int]
) -> Callable[..., Any]:
    suffix = "accuracy" if name in ("accuracy", "acc") else "crossentropy"
    if prediction_shape[-1] == 1:
        kind = "binary"
    elif len(target_shape) < len(prediction_shape) or target_shape[-1] == 1:
        kind = "sparse_categorical"
    else:
        kind = "categorical"
    found: Callable[..., Any] = metric_functions.get(f"{kind}_{suffix}")
    return found


def _prefixed(output: str, name: str) -> str:
    return f"{output}_{name}"


def _take(name: str, taken: set[str]) -> None:
    if name in taken:
        raise DataMismatch(f"metrics: expected unique names, found {name!r} twice")
    taken.add(name)
