"""The JSON Schema of a case; `python -m saveproof.strategies.schema` prints it."""

import sys

import msgspec

from saveproof.strategies.case import json_schema

PUBLISHED = "docs/case.schema.json"


def json_text() -> str:
    """Return the schema (2020-12) as it is published."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A saveproof case",
        **json_schema(),
    }
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted")).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_text())
