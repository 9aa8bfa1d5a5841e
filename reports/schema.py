"""The JSON Schema of the event file's lines; `python -m saveproof.reports.schema` prints it."""

import sys
from typing import Any

import msgspec

from saveproof.reports.lines import Line
from saveproof.reports.records import SCHEMA

PUBLISHED = "docs/run.schema.json"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a line of an event file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a saveproof run, schema version {SCHEMA}",
        **msgspec.json.schema(Line),
    }


def json_text() -> str:
    """Return the text of the published schema."""
    return msgspec.json.format(msgspec.json.encode(json_schema(), order="sorted")).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_text())
