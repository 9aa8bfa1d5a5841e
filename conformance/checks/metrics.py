"""The metric that a log is of, as the case names it: a log's own name begins with an output's."""

from collections.abc import Iterator

from msgspec.structs import replace

from saveproof.conformance.model_state.trace import Trace
from saveproof.reports.findings import Defect, DefectKind
from saveproof.strategies.case import CompileSettings, Object, Recompile
from saveproof.strategies.names import snake_case

LOSS = "loss"


def is_loss(log: str) -> bool:
    """Return whether the log is a loss: of the model, or of one output."""
    return log == LOSS or log.endswith(f"_{LOSS}")


def with_metric(trace: Trace, defect: Defect) -> Defect:
    """Return the defect with the metric whose log differs, if it is not a loss."""
    if defect.kind is not DefectKind.LOG or is_loss(defect.name):
        return defect
    return replace(defect, metric=_metric(trace, defect.name))


def _metric(trace: Trace, log: str) -> str:
    """Return the class or identifier of the metric; of an unknown one, the log's name."""
    names = dict(_metrics(trace))
    fitting = [name for name in names if log == name or log.endswith(f"_{name}")]
    return names[max(fitting, key=len)] if fitting else log


def _metrics(trace: Trace) -> Iterator[tuple[str, str]]:
    """Yield the metrics of the case, each with the name that its logs have or end with."""
    for settings in _settings(trace):
        for metrics in settings.metrics:
            for metric in metrics:
                if isinstance(metric, Object):
                    own = metric.config.get("name") or snake_case(metric.class_name)
                    yield str(own), metric.class_name
                else:
                    yield metric, metric


def _settings(trace: Trace) -> Iterator[CompileSettings]:
    yield trace.case.final_settings
    events = trace.case.history.after
    yield from (event.settings for event in events if isinstance(event, Recompile))
