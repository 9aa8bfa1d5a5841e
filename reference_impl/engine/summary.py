"""The lines of a model's summary."""

import sys

from saveproof.reference_impl.engine.trainer import Trainer


def summary_lines(model: Trainer) -> list[str]:
    """Return one line per layer with its number of parameters.

    Raises:
        UnbuiltModel: if the weights have not been created yet.
    """
    lines = [f'Model: "{model.name}"']
    for layer in model.layers:
        count = sum(weight.value.size for weight in layer.weights)
        lines.append(f"{layer.name} ({type(layer).__name__}): {count} parameters")
    total = sum(weight.value.size for weight in model.weights)
    return [*lines, f"Total params: {total}"]


def print_line(line: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(line + "\n")
