"""Compares formats of the reference with raw files and other libraries on a gigabyte of weights."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from benchmarks import weight_files
from benchmarks.figures import Figure, ratio
from benchmarks.raw_files import PROGRAMS, Arrays, Program
from benchmarks.weight_files import FORMATS, SERVE, Order, Seconds, timed
from saveproof.conformance.processes.isolation import Child

GOALS = {"h5py": 0.9, "tf_keras": 1.0}
"""Least ratio of the reference's rate to that of a program."""

SECONDS = 600.0

Measure = Callable[[], Seconds]


def figures(*, units: int = weight_files.UNITS, rounds: int = 5) -> list[Figure]:
    """Measure all sides in turns, and compare the best round of each.

    Other load on the machine and its disk only adds to a time, up to threefold. A write starts on
    an idle disk and ends when the bytes are on the disk. A read is of a file in the system's cache
    and ends when all arrays are in memory.
    """
    weights = weight_files.arrays(units)
    gigabytes = sum(array.nbytes for array in weights.values()) / 1e9
    with Child(SERVE) as reference, Child(SERVE) as tf_keras:
        sides: dict[str, Measure] = {
            name: _program(program, weights) for name, program in PROGRAMS.items()
        }
        for name in FORMATS:
            sides[f"reference {name}"] = _module(
                reference, Order("saveproof.reference_impl", name, units)
            )
            sides[f"tf_keras {name}"] = _module(tf_keras, Order("tf_keras", name, units))
        for measure in sides.values():
            measure()
        seconds = [{side: measure() for side, measure in sides.items()} for _ in range(rounds)]
    return [*_ratios(seconds, gigabytes)]


def _ratios(rounds: list[dict[str, Seconds]], gigabytes: float) -> Iterator[Figure]:
    for name in FORMATS:
        ours = f"reference {name}"
        for theirs in (*PROGRAMS, f"tf_keras {name}"):
            goal = GOALS.get(theirs.split()[0])
            for deed in ("write", "read"):
                rates = [
                    gigabytes / min(getattr(one[side], deed) for one in rounds)
                    for side in (ours, theirs)
                ]
                yield ratio(f"{deed} GB: {ours} / {theirs}", [(*rates,)], at_least=goal)


def _program(program: Program, weights: Arrays) -> Measure:
    def measure() -> Seconds:
        with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
            target = Path(folder) / "weights"
            return timed(
                sum(array.nbytes for array in weights.values()),
                write=lambda: program.write(weights, target),
                read=lambda: program.read(target, weights),
                target=target,
            )

    return measure


def _module(child: Child, order: Order) -> Measure:
    message = msgspec.json.encode(order)

    def measure() -> Seconds:
        return msgspec.json.decode(child.call(message, seconds=SECONDS), type=Seconds)

    return measure
