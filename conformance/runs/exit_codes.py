"""Exit codes of the commands that run cases."""

NOTHING_UNEXPECTED, FINDINGS, NOT_FINISHED = 0, 1, 2
