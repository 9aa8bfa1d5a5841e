"""`python -m faults` tries every fault at every operation of a save, in every format.

It prints a table of what each save left, and exits with 1 if anything was lost.
"""

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from faults.operations import Disk, Kind
from faults.saves import FORMATS, UNITS, Format, Lost, check, prepared, save_under

LIMITS = 12
"""Number of file size limits to try, from 0 to nearly the size of the longest file."""


def outcomes(
    way: Format, folder: Path, units: int, kind: Kind, *, over: bool
) -> Iterator[str | Lost]:
    """Yield which save can be loaded after a fault at each operation: 'old', 'new' or 'none'.

    Args:
        way: the format.
        folder: the folder for the saves; it is made anew for each.
        units: the size of the model.
        kind: the fault.
        over: whether an old save exists.
    """
    for number in _numbers(way, folder, units, kind, over=over):
        prepared(folder, way, units, over=over)
        end, _ = save_under(Disk(kind, number), way, folder, units)
        try:
            yield check(end, way, folder, units, over=over)
        except Lost as error:
            yield Lost(f"{way.name}, {units} units, {kind.value} {number}: {error}")


def _numbers(way: Format, folder: Path, units: int, kind: Kind, *, over: bool) -> Iterator[int]:
    """Yield the numbers of a save's operations, or size limits up to its longest file."""
    prepared(folder, way, units, over=over)
    _, count = save_under(Disk(), way, folder, units)
    longest = max(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    yield from range(count) if kind is not Kind.LIMIT else range(0, longest, longest // LIMITS)


def main() -> None:
    """Try the faults on the formats given, or on all, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("formats", nargs="*", help=f"any of {list(FORMATS)}; default: all")
    names = parser.parse_args().formats or list(FORMATS)
    if unknown := sorted(set(names) - set(FORMATS)):
        parser.error(f"expected formats of {list(FORMATS)}, found {unknown}")
    lost: list[Lost] = []
    print("| format | size | over | fault | runs | old | new | none | lost |")
    print("|:--|:--|:--|:--|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="saveproof-faults-") as scratch:
        for name, size, over, kind in itertools.product(names, UNITS, (True, False), Kind):
            found = list(
                outcomes(FORMATS[name], Path(scratch, "folder"), UNITS[size], kind, over=over)
            )
            wrong = [outcome for outcome in found if isinstance(outcome, Lost)]
            counts = Counter(outcome for outcome in found if isinstance(outcome, str))
            cells = [name, size, "an old one" if over else "nothing", kind.value, len(found)]
            cells += [counts["old"], counts["new"], counts["none"], len(wrong)]
            print("|", " | ".join(map(str, cells)), "|", flush=True)
            lost += wrong
    for loss in lost:
        print(loss, file=sys.stderr)
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
