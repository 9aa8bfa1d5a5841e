"""Exit codes of the commands that run cases, or report on a run."""

NOTHING_UNEXPECTED, FINDINGS, NOT_FINISHED = 0, 1, 2
