"""Lines of schema version 1, whose findings were text, in today's form."""

from typing import Any

from saveproof.reports.findings import DefectKind
from saveproof.reports.records import SCHEMA

READABLE = (1, SCHEMA)
"""Schema versions that are read."""


def upgraded(line: Any) -> Any:
    """Return the JSON value of a line as today's version writes it; what is no such line as it is.

    A finding of version 1 keeps its key and its message; it has no fields that tell of a cause.
    """
    if not isinstance(line, dict):
        return line
    if line.get("record") == "header" and line.get("schema") in READABLE:
        return line | {"schema": SCHEMA}
    findings = line.get("findings")
    return (
        line | {"findings": list(map(_finding, findings))} if isinstance(findings, list) else line
    )


def _finding(old: Any) -> Any:
    if not isinstance(old, dict) or "key" not in old:
        return old
    rest = dict(old)
    defect = {
        "kind": DefectKind.RECORDED,
        "difference": {name: rest.pop(name, "") for name in ("where", "expected", "found")},
        "name": rest.pop("key"),
        "words": rest.pop("message", ""),
        "traceback": rest.pop("traceback", ""),
    }
    return rest | {"defect": defect}
