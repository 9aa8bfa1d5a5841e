"""Limits of the reference: docs/findings/reference.md has each."""

from conformance.known_issues.known_issue import KnownIssue

_FOREIGN_GRAPHS = (
    "A subclassed model without get_config in a SavedModel that TensorFlow wrote is its graph, "
    "which the reference does not interpret: it refuses to load it "
    "(docs/findings/reference.md#graphs-of-others)."
)

REFERENCE: tuple[KnownIssue, ...] = (
    KnownIssue(
        *("reference", "savedmodel", "round_trip_completes"),
        "load: raised reference_impl.serialization.UnknownLayer: model …: its class …*",
        _FOREIGN_GRAPHS,
    ),
)
