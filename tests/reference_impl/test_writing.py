"""Writing beside the target: names that nobody shares, what is left, and what is refused."""

import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving import temporaries
from saveproof.reference_impl.saving.atomic_file import DurableFile, NotAFile, replacing
from saveproof.reference_impl.saving.errors import UnwritableName
from saveproof.reference_impl.saving.savedmodel import writer
from saveproof.reference_impl.saving.temporaries import is_temporary, new_folder, temporary

FILES = ("m.h5", "m.keras", "w.h5", "m.weights.h5")
TARGETS = (*FILES, "ck", "sm")


def model(value=1.0, *, units=2, name="dense"):
    keras.backend.clear_session()
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, name=name)], name="small")
    made.set_weights([np.full(weight.shape, value, np.float32) for weight in made.weights])
    return made


def save(made, target):
    whole = target.name in ("m.h5", "m.keras", "sm")
    (made.save if whole else made.save_weights)(target)


def value_at(target):
    """Return the value that all weights there have."""
    if target.name in ("m.h5", "m.keras", "sm"):
        found = keras.models.load_model(target)
    else:
        found = model(0.0)
        found.load_weights(target)
    (value,) = {float(value) for weight in found.get_weights() for value in np.unique(weight)}
    return value


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def left_by_one_that_was_killed(target):
    """Return a temporary file beside a target, whose writer ended without a word."""
    code = (
        "import os, sys; from pathlib import Path;"
        "from saveproof.reference_impl.saving.atomic_file import replacing;"
        "manager = replacing(Path(sys.argv[1])); manager.__enter__().write(b'half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    (left,) = (file for file in target.parent.iterdir() if is_temporary(file.name))
    return left


@pytest.mark.parametrize(("name", "exchange"), [*((name, True) for name in TARGETS), ("sm", False)])
def test_of_threads_that_save_to_one_target_one_wins_whole(tmp_path, name, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr(writer, "_exchanged", lambda *_: False)
    made = [model(1.0), model(2.0), model(3.0)]
    raised = []
    for _ in range(4):
        gate = threading.Barrier(len(made))

        def run(one, gate=gate):
            gate.wait()
            try:
                save(one, tmp_path / name)
            except Exception as error:  # noqa: BLE001 (any is a failure of this test)
                raised.append(error)

        threads = [threading.Thread(target=run, args=(one,)) for one in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert value_at(tmp_path / name) in (1.0, 2.0, 3.0)
    assert raised == []


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_left_beside_the_target(tmp_path, name):
    for value in (1.0, 2.0):
        save(model(value), tmp_path / name)

    own = {"ck": ["checkpoint", "ck.data-00000-of-00002", "ck.index"]}
    assert names(tmp_path) == own.get(name, [name])


def test_names_of_temporaries_differ_and_are_short_however_long_the_target_is(tmp_path):
    target = tmp_path / ("m" * 251 + ".h5")

    first, second = temporary(target), temporary(target)

    assert first != second
    assert len(first.name) == len(second.name) < 100
    save(model(), tmp_path / ("ш" * 124 + ".keras"))


def test_a_link_in_a_temporary_name_is_not_followed(tmp_path, monkeypatch):
    """Had another guessed it."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "guessed").symlink_to(tmp_path / "victim")
    monkeypatch.setattr(temporaries.secrets, "token_hex", lambda _: "0" * 16)
    temporary(tmp_path / "m.h5").symlink_to(tmp_path / "victim")

    with pytest.raises(FileExistsError):
        model().save(tmp_path / "m.h5")
    with pytest.raises(FileExistsError):
        DurableFile(tmp_path / "guessed")

    assert (tmp_path / "victim").read_text() == "precious"


def test_what_a_killed_writer_has_left_is_removed_by_the_next_save_in_the_folder(tmp_path):
    left = left_by_one_that_was_killed(tmp_path / "epoch_1.h5")
    assert left.read_bytes() == b"half"

    model().save(tmp_path / "epoch_2.keras")

    assert names(tmp_path) == ["epoch_2.keras"]


def test_what_a_living_writer_is_at_is_left_to_it(tmp_path):
    with replacing(tmp_path / "m.h5") as file:
        file.write(b"mine")
        model().save(tmp_path / "m.h5")
        model().save(tmp_path / "sm")

    assert (tmp_path / "m.h5").read_bytes() == b"mine"


def test_what_only_has_the_name_of_a_temporary_is_left(tmp_path, monkeypatch):
    """A link, a pipe, and what is another user's."""
    os.mkfifo(temporary(tmp_path / "m.h5"))
    temporary(tmp_path / "m.h5").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("mine")
    theirs = temporary(tmp_path / "m.h5")
    theirs.write_text("theirs")
    before = names(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)

    model().save(tmp_path / "m.h5")

    assert names(tmp_path) == sorted([*before, "m.h5"])


def test_where_the_system_has_no_locks_saves_work_and_nothing_is_taken_for_left(
    tmp_path, monkeypatch
):
    left = left_by_one_that_was_killed(tmp_path / "m.h5")

    def no_locks(*_):
        raise OSError(38, "not implemented")

    monkeypatch.setattr(temporaries.fcntl, "flock", no_locks)
    for name in TARGETS:
        for value in (1.0, 2.0, 3.0):
            save(model(value), tmp_path / name)
        assert value_at(tmp_path / name) == 3.0

    assert left.exists()
    assert len(list(tmp_path.glob("ck.data*"))) == 1


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("permissions", [0o600, 0o664])
def test_permissions_are_those_of_the_file_that_is_replaced(tmp_path, name, permissions):
    save(model(), tmp_path / name)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in files:
        file.chmod(permissions)
    if name == "sm":
        (tmp_path / name).chmod(0o700)

    save(model(2.0), tmp_path / name)

    after = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in after} == {permissions}
    assert len(after) == len(files)
    assert name != "sm" or stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700


@pytest.mark.parametrize("name", TARGETS)
def test_permissions_of_a_new_file_are_what_the_umask_leaves(tmp_path, name):
    before = os.umask(0o027)
    try:
        save(model(), tmp_path / name)
    finally:
        os.umask(before)

    made = [*tmp_path.rglob("*")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in made if file.is_file()} == {0o640}
    assert {stat.S_IMODE(file.stat().st_mode) for file in made if file.is_dir()} <= {0o750}


def test_nobody_else_may_read_what_is_to_replace_a_private_file(tmp_path):
    (tmp_path / "m.h5").touch(0o600)

    with replacing(tmp_path / "m.h5") as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_only_a_file_is_replaced_by_a_file(tmp_path, name, kind):
    target = tmp_path / ("ck.index" if name == "ck" else name)
    if name == "sm" and kind == "folder":
        return
    os.mkfifo(target) if kind == "pipe" else target.mkdir()

    with pytest.raises((NotAFile, NotADirectoryError), match=rf"{target.name}.*") as caught:
        save(model(), tmp_path / name)

    assert "expected a f" in str(caught.value)
    assert names(tmp_path) == [target.name]


def test_other_names_of_a_file_keep_the_old_one(tmp_path):
    model(1.0).save(tmp_path / "m.h5")
    (tmp_path / "other.h5").hardlink_to(tmp_path / "m.h5")

    model(2.0).save(tmp_path / "m.h5")

    assert value_at(tmp_path / "m.h5") == 2.0
    (tmp_path / "other.h5").rename(tmp_path / "m.h5")
    assert value_at(tmp_path / "m.h5") == 1.0


@pytest.mark.parametrize("name", TARGETS)
def test_an_error_names_the_target(tmp_path, monkeypatch, name):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/{name}"):
        save(model(), tmp_path / name)
    monkeypatch.undo()

    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "names", [("c", "c/kernel:0"), ("a\0b", "e"), ("a\ud800b", "f"), (".", "g")]
)
def test_names_that_hdf5_can_not_hold_are_refused_before_anything_is_written(tmp_path, names):
    keras.backend.clear_session()
    layers = [keras.layers.Dense(1, name=name) for name in names]
    made = keras.Sequential([keras.Input((3,)), *layers])
    made.compile("adam", "mse")
    made.train_on_batch(np.ones((4, 3), np.float32), np.ones((4, 1), np.float32))

    with pytest.raises(UnwritableName, match="rename the layer"):
        made.save(tmp_path / "folder" / "m.h5")

    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", TARGETS)
def test_half_of_a_pair_of_surrogates_is_in_no_format(tmp_path, name):
    with pytest.raises(UnwritableName, match="surrogates not allowed at 1"):
        save(model(name="a\ud800b"), tmp_path / name)

    assert names(tmp_path) == []


def test_a_folder_that_was_taken_for_left_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    """Another's cleaning can come between making it and locking it."""
    name, cleaned = temporary(tmp_path / "sm"), []

    def flock(descriptor, operation, lock=temporaries.fcntl.flock):
        if not cleaned:
            cleaned.append(name.rmdir())
        lock(descriptor, operation)

    monkeypatch.setattr(temporaries.fcntl, "flock", flock)
    with new_folder(name) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), name.stat())
