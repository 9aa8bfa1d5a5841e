"""Files that claim too much take no more memory than they may, and end at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.hostile_files import BOMBS, Outcome
from saveproof.reference_impl import limits
from saveproof.reference_impl.saving import json_text
from saveproof.reference_impl.saving.archive import zip_archive
from saveproof.reference_impl.saving.checkpoint import bundle_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "hostile-files.md"

LOADED = {
    "`.keras`, 256 MiB of an asset",
    "JSON, 4,000 layers in reverse order",
    "JSON, an output 4,000 times",
}
"""Those that are valid; only what is not needed, or the order, is hostile in them."""


@pytest.fixture(scope="module")
def outcomes():
    """Load all of them, each in a process of its own, of a program that has done nothing else."""
    command = [sys.executable, "-m", "benchmarks.hostile_files", "--json"]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    each = [Outcome(**json.loads(line)) for line in found.stdout.splitlines()]
    return {one.name: one for one in each}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_file_is_refused_within_its_memory(outcomes, name):
    one = outcomes[name]

    assert one.peak <= one.most
    if name in LOADED:
        assert one.said == "loaded"
    else:
        assert one.said in {
            *("WeightsMismatch", "WrongPart", "TooLarge", "UnreadableFile", "MalformedEntry"),
        }


def test_the_document_has_the_files_and_the_limits():
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = text[text.index("| file |") :].splitlines()[2:]

    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(BOMBS)
    for limit in (
        f"{limits.LARGEST_MODEL >> 30} GiB",
        f"or {limits.SLACK >> 20} MiB",
        f"{json_text.MOST:,} values, nested {json_text.DEEPEST} levels deep",
        f"{zip_archive.LARGEST_DIRECTORY >> 20} MiB",
        f"{bundle_table.MOST:,} tensors",
    ):
        assert limit in text
