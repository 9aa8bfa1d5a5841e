"""The folder of a SavedModel: what lies in its place, and what is left when a save fails."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.model_files import TargetExists
from saveproof.reference_impl.saving.savedmodel import writer
from saveproof.reference_impl.saving.temporaries import REPLACED, temporary
from tests.reference_impl.test_saved_models import X, chain, trained


@pytest.fixture(params=[True, False], ids=["swapped", "put aside"])
def folder(request, tmp_path, monkeypatch):
    """A folder that has other things in it, on a system that can swap names or can't."""
    if not request.param:
        monkeypatch.setattr(writer, "_exchanged", lambda *_: False)
    for name in ("thesis.tex", "run/w1.index", "assets/words.txt", "variables/notes"):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text("mine")
    return tmp_path / "project"


def mine(folder):
    """Return what is in the folder and was there before."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)) for file in files if file.read_bytes() == b"mine"}


def test_what_else_lies_in_the_folder_stays(folder):
    trained(chain()).save(folder)
    model = trained(chain(), steps=1)

    model.save(folder)

    assert mine(folder) == {"thesis.tex", "run/w1.index", "assets/words.txt", "variables/notes"}
    assert [file.name for file in folder.parent.iterdir()] == ["project"]
    np.testing.assert_array_equal(keras.models.load_model(folder)(X), model(X))


def test_a_link_to_a_folder_stays_a_link(folder):
    link = folder.with_name("current")
    link.symlink_to(folder, target_is_directory=True)

    trained(chain()).save(link)

    assert link.is_symlink()
    assert mine(folder) == mine(link) != set()
    assert keras.models.load_model(folder).built


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "saved").write_text("mine")

    with pytest.raises(NotADirectoryError, match="expected a folder or an unused name"):
        trained(chain()).save(tmp_path / "saved", save_format="tf")

    assert (tmp_path / "saved").read_text() == "mine"


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.weights.h5"])
def test_a_link_to_a_file_stays_a_link(tmp_path, name):
    target, link = tmp_path / f"real_{name}", tmp_path / name
    save = keras.Model.save_weights if "weights" in name else keras.Model.save
    save(trained(chain()), target)
    before = target.read_bytes()
    link.symlink_to(target)

    save(trained(chain()), link)

    assert link.is_symlink()
    assert target.read_bytes() != before


def test_existing_folder_is_kept_unless_told_otherwise(tmp_path):
    (tmp_path / "saved").mkdir()

    with pytest.raises(TargetExists):
        trained(chain()).save(tmp_path / "saved", overwrite=False)


def test_interrupted_save_leaves_the_old_one_whole(tmp_path, monkeypatch):
    model = trained(chain())
    model.save(tmp_path / "saved")
    before = {file: file.read_bytes() for file in (tmp_path / "saved").rglob("*") if file.is_file()}
    trained(model)

    def interrupted(*_):
        raise OSError("no space left on device")

    for step in ("write_bundle", "_put_in_place", "_exchanged"):
        with monkeypatch.context() as patched:
            patched.setattr(writer, step, interrupted)
            with pytest.raises(OSError, match="no space"):
                model.save(tmp_path / "saved")

        after = {
            file: file.read_bytes() for file in (tmp_path / "saved").rglob("*") if file.is_file()
        }
        assert after == before
        assert [file.name for file in tmp_path.iterdir()] == ["saved"]


def test_folder_is_replaced_where_names_can_not_be_swapped(tmp_path, monkeypatch):
    trained(chain()).save(tmp_path / "saved")
    model = trained(chain(), steps=1)
    monkeypatch.setattr(writer, "_exchanged", lambda *_: False)

    model.save(tmp_path / "saved")

    assert [file.name for file in tmp_path.iterdir()] == ["saved"]
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "saved")(X), model(X))


@pytest.mark.parametrize("step", ["_keep_the_rest", "_move_into", "put_on_disk"])
def test_what_an_interrupted_save_has_put_aside_comes_back_with_the_next(folder, monkeypatch, step):
    """Killed there, in effect: the tidying up at the end is interrupted, too."""
    trained(chain()).save(folder)
    before = mine(folder)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writer, step, interrupted)
        patched.setattr(writer, "_keep_the_rest", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(chain()).save(folder)
    assert mine(folder.parent) != set()

    # Any SavedModel's save in the folder will do.
    trained(chain()).save(folder.with_name("another"))

    assert mine(folder) == before
    assert sorted(file.name for file in folder.parent.iterdir()) == ["another", "project"]
    assert keras.models.load_model(folder).built


def test_a_folder_that_made_place_for_another_comes_back(tmp_path, monkeypatch):
    """Killed where names can't be swapped, between the two moves."""
    model = trained(chain())
    model.save(tmp_path / "saved")
    (tmp_path / "saved" / "notes").write_text("mine")
    (tmp_path / "saved").rename(temporary(tmp_path / "saved", REPLACED))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(tmp_path / "saved")

    assert [file.name for file in tmp_path.iterdir()] == ["saved"]
    assert mine(tmp_path / "saved") == {"notes"}
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "saved")(X), model(X))


def test_a_folder_of_unknown_files_with_the_name_of_a_temporary_loses_none(tmp_path):
    left = temporary(tmp_path / "saved")
    (left / "variables").mkdir(parents=True)
    for name in ("saved_model.txt", "variables/mine"):
        (left / name).write_text("mine")

    trained(chain()).save(tmp_path / "another")

    assert mine(left) == {"saved_model.txt", "variables/mine"}
