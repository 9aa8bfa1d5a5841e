"""A save that is killed, or whose disk fails, at each operation; `nox -s faults` has all."""

import signal

import pytest

from faults.__main__ import outcomes
from faults.operations import Disk, Kind
from faults.saves import FORMATS, End, Lost, check, prepared, save_under

UNITS = 2


@pytest.mark.parametrize(("name", "kind"), [("weights.h5", Kind.KILL), ("checkpoint", Kind.FULL)])
def test_after_a_fault_at_any_operation_the_old_save_or_the_new_is_whole(tmp_path, name, kind):
    found = list(outcomes(FORMATS[name], tmp_path / "folder", UNITS, kind, over=True))

    assert not [outcome for outcome in found if isinstance(outcome, Lost)]
    assert set(found) == {"old", "new"}


def test_a_limit_of_the_system_leaves_the_old_archive(tmp_path):
    found = list(outcomes(FORMATS["keras"], tmp_path / "folder", UNITS, Kind.LIMIT, over=True))

    assert set(found) == {"old"}


def cut(folder):
    content = (folder / "m.h5").read_bytes()
    (folder / "m.h5").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("end", "damage", "message"),
    [
        (-signal.SIGKILL, cut, "can't be loaded"),
        (-signal.SIGKILL, lambda folder: (folder / "m.h5").unlink(), "the old save is gone"),
        (-signal.SIGKILL, lambda folder: (folder / "notes.txt").unlink(), "are lost"),
        (
            -signal.SIGKILL,
            lambda folder: (folder / ".m.h5.7.partial").touch(),
            "expected no other files .*partial",
        ),
        (-signal.SIGSEGV, lambda _: None, "the process ended with SIGSEGV"),
        (End.UNNAMED, lambda _: None, "the process ended with UNNAMED"),
        (End.SAVED, lambda _: None, "expected the new save after a success, found 'old'"),
    ],
)
def test_what_a_careless_save_leaves_is_found_out(tmp_path, end, damage, message):
    way = FORMATS["h5"]
    prepared(tmp_path / "folder", way, UNITS, over=True)
    damage(tmp_path / "folder")

    with pytest.raises(Lost, match=message):
        check(end, way, tmp_path / "folder", UNITS, over=True)


def test_a_save_makes_the_operations_that_are_counted(tmp_path):
    prepared(tmp_path / "folder", FORMATS["h5"], UNITS, over=True)

    end, count = save_under(Disk(), FORMATS["h5"], tmp_path / "folder", UNITS)

    assert end == End.SAVED
    assert count > 8
