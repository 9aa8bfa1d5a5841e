"""Progress: told now and then, and how far it has come."""

from saveproof.conformance.campaigns.progress import EVERY, Progress


def lines_of(total, *times):
    """Return what is told where the cases are done at these times."""
    clock = iter([0.0, *times])
    lines = []
    progress = Progress("tf_keras", total, lines.append, clock=lambda: next(clock))
    for number, _ in enumerate(times):
        progress.case_done(lambda number=number: number)
    return lines


def test_a_short_run_is_not_told_of():
    assert lines_of(3, 1.0, 2.0, 3.0) == []


def test_a_long_run_is_told_of_once_in_a_while():
    lines = lines_of(40, EVERY - 1, EVERY + 1, EVERY + 2, 2 * EVERY + 3)

    assert lines == [
        "tf_keras: cases done: 2 of 40, 1 unexpected",
        "tf_keras: cases done: 4 of 40, 3 unexpected",
    ]


def test_a_run_for_a_time_tells_of_the_cases_so_far():
    assert lines_of(None, EVERY) == ["tf_keras: cases done: 1, 0 unexpected"]
