"""Known issues of tf_keras: docs/findings/tf_keras.md has each, reduced and confirmed."""

from conformance.known_issues.known_issue import KnownIssue

TF_KERAS: tuple[KnownIssue, ...] = ()
