import subprocess
import sys
from pathlib import Path

from saveproof.reports.records import SCHEMA
from saveproof.reports.schema import PUBLISHED, json_schema, json_text

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_the_code_s():
    """Mend with `python -m saveproof.reports.schema > docs/run.schema.json`."""
    assert (ROOT / PUBLISHED).read_text() == json_text()


def test_the_module_prints_the_schema():
    printed = subprocess.run(
        [sys.executable, "-m", "saveproof.reports.schema"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert printed.stdout == json_text()


def test_the_schema_tells_the_records_apart():
    schema = json_schema()

    assert set(schema["discriminator"]["mapping"]) == {
        *("header", "witness", "exported", "result", "strata", "footer"),
    }
    assert schema["$defs"]["Header"]["properties"]["schema"]["default"] == SCHEMA
    assert not schema["$defs"]["Result"]["additionalProperties"]
