"""Known issues of Keras 3: docs/findings/keras.md has each, reduced and confirmed."""

from conformance.known_issues.known_issue import KnownIssue

KERAS_3: tuple[KnownIssue, ...] = ()
