"""The published JSON Schema of a case."""

import subprocess
import sys
from pathlib import Path

from saveproof.strategies.case import Case, json_schema
from saveproof.strategies.schema import PUBLISHED, json_text

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_the_code_s():
    """Mend with `python -m saveproof.strategies.schema > docs/case.schema.json`."""
    assert (ROOT / PUBLISHED).read_text() == json_text()


def test_the_module_prints_the_schema():
    printed = subprocess.run(
        [sys.executable, "-m", "saveproof.strategies.schema"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert printed.stdout == json_text()


def test_the_schema_knows_no_field_that_a_case_has_not():
    case = json_schema()["$defs"]["Case"]

    assert set(case["properties"]) == set(Case.__struct_fields__)
    assert not case["additionalProperties"]
