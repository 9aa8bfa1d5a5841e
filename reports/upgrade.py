"""Converts lines of earlier schema versions to the current one.

Findings of version 1 were text. Before version 3, the number of examples that showed a finding is
not known, which 0 stands for.
"""

from typing import Any

from saveproof.reports.findings import DefectKind
from saveproof.reports.records import SCHEMA

READABLE = (1, 2, SCHEMA)
"""Schema versions that can be read."""


def upgraded(line: Any) -> Any:
    """Return the JSON value of a line in the current version; other values unchanged.

    A finding of version 1 keeps its key and its message, but has no fields about its cause.
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
    if not isinstance(old, dict):
        return old
    rest = {"examples": 0} | old
    if "key" not in old:
        return rest
    defect = {
        "kind": DefectKind.RECORDED,
        "difference": {name: rest.pop(name, "") for name in ("where", "expected", "found")},
        "name": rest.pop("key"),
        "words": rest.pop("message", ""),
        "traceback": rest.pop("traceback", ""),
    }
    return rest | {"defect": defect}
