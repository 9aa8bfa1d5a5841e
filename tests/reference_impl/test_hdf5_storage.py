"""Data that HDF5 keeps otherwise than in one piece: read as h5py does, refused in other files."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.errors import LeadsOutside, MissingPart, NotReadHere, WrongPart
from saveproof.reference_impl.saving.extents import LARGE
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch

KERAS_2, KERAS_3 = "d/d/kernel:0", "layers/dense/vars/0"
WHOLE, EXTRAS = f"model_weights/{KERAS_2}", "saveproof_state/arrays"
SECRET = np.full((4, 3), 1234.5, "float32")


def model(units=3):
    keras.backend.clear_session()
    made = keras.Sequential([keras.layers.Dense(units, input_shape=(4,), name="d")], name="m")
    made.compile("adam", "mse")
    return made


def in_archive(source, key, edit):
    """Edit the weights in an archive."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    inner = source.with_name("inner.h5")
    inner.write_bytes(members["model.weights.h5"])
    in_file(inner, key, edit)
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in members.items():
            new = inner.read_bytes() if name == "model.weights.h5" else content
            archive.writestr(name, new)


def in_file(source, key, edit):
    with h5py.File(source, "a") as file:
        parent, _, name = key.rpartition("/")
        del file[key]
        edit(file[parent], name)


def in_shard(source, key, edit):
    shard = source.with_name("w_00000.weights.h5")
    source.rename(shard)
    in_file(shard, key, edit)
    weight_map = {"/layers/dense/vars": [shard.name]}
    source.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def renamed(source, key, edit):
    """Let the file have the name of an archive, as TensorFlow 2.0 took HDF5 to have."""
    in_file(source.rename(source.with_suffix(".h5")), key, edit)
    source.with_suffix(".h5").rename(source)


def by_name(source):
    model().load_weights(source, by_name=True)


def weights(source):
    model().load_weights(source)


def saved_model(source):
    model().save(source.with_suffix(".h5"))
    source.with_suffix(".h5").rename(source)


def saved_weights(source):
    temporary = source.with_name("temporary.weights.h5")
    model().save_weights(temporary)
    temporary.rename(source)


DOORS = {
    "a model": ("m.h5", saved_model, in_file, WHOLE, keras.models.load_model),
    "a model's extras": ("m.h5", saved_model, in_file, EXTRAS, keras.models.load_model),
    "a model named .keras": ("m.keras", saved_model, renamed, WHOLE, keras.models.load_model),
    "a model's weights": ("m.h5", saved_model, in_file, WHOLE, weights),
    "a model's weights by name": ("m.h5", saved_model, in_file, WHOLE, by_name),
    "weights": ("w.h5", lambda s: model().save_weights(s), in_file, KERAS_2, weights),
    "weights by name": ("w.h5", lambda s: model().save_weights(s), in_file, KERAS_2, by_name),
    "a tree of weights": ("w.weights.h5", saved_weights, in_file, KERAS_3, weights),
    "shards": ("w.weights.json", saved_weights, in_shard, KERAS_3, weights),
    "an archive": (
        *("m.keras", lambda s: model().save(s), in_archive, KERAS_3),
        keras.models.load_model,
    ),
    "an archive's weights": (
        *("m.keras", lambda s: model().save(s), in_archive, KERAS_3),
        weights,
    ),
}
"""By which HDF5 is read: name of the file, how it is saved and edited, the dataset, the load."""


def other(group):
    """Return another file with the values, beside the one of the group."""
    folder = group.file.filename.rpartition("/")[0]
    with h5py.File(f"{folder}/secret.h5", "w") as file:
        file["k"] = SECRET
        file["group/0"] = SECRET
    (SECRET.tofile)(f"{folder}/secret.bin")
    return folder


def external_storage(group, name):
    group.create_dataset(name, (4, 3), "f4", external=[(f"{other(group)}/secret.bin", 0, 48)])


def external_link(group, name):
    group[name] = h5py.ExternalLink(f"{other(group)}/secret.h5", "/k")


def external_group(group, name):
    """The group itself is in another file, which a path below it would lead into."""
    path = group.name
    file = group.file
    other(group)
    del file[path]
    file[path] = h5py.ExternalLink("secret.h5", "/group")
    assert name


def soft_to_external(group, name):
    group.file["aside"] = h5py.ExternalLink(f"{other(group)}/secret.h5", "/")
    group[name] = h5py.SoftLink("/aside/k")


def virtual(group, name):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(f"{other(group)}/secret.h5", "k", (4, 3), "f4")
    group.create_virtual_dataset(name, layout)


OUTSIDE = [external_storage, external_link, external_group, soft_to_external, virtual]


@pytest.mark.parametrize("edit", OUTSIDE)
@pytest.mark.parametrize("door", DOORS)
def test_data_in_another_file_are_refused_by_name(tmp_path, door, edit):
    name, save, change, key, load = DOORS[door]
    save(tmp_path / name)
    change(tmp_path / name, key, edit)

    with pytest.raises(LeadsOutside, match=r"in the file itself.*secret\.(h5|bin)'"):
        load(tmp_path / name)


RANDOM = np.random.default_rng(7).normal(size=(4, 3)).astype("float32")


def soft(group, name):
    group.file["elsewhere"] = RANDOM
    group[name] = h5py.SoftLink("/elsewhere")


def soft_in_steps(group, name):
    group.file["first/second"] = RANDOM
    group.file["again"] = h5py.SoftLink("first")
    group.file["near"] = h5py.SoftLink("again/./second")
    group[name] = h5py.SoftLink("/near")


def hard(group, name):
    group.file["elsewhere"] = RANDOM
    group[name] = group.file["elsewhere"]


def stored(**options):
    def edit(group, name):
        group.create_dataset(name, data=RANDOM, **options)

    edit.__name__ = " ".join(options)
    return edit


def big_endian(group, name):
    group.create_dataset(name, data=RANDOM.astype(">f8"))


def compact(group, name):
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((4, 3))
    kind = h5py.h5t.IEEE_F32LE
    item = h5py.h5d.create(group.id, name.encode(), kind, space, made)
    item.write(h5py.h5s.ALL, h5py.h5s.ALL, RANDOM)


def growing(group, name):
    group.create_dataset(name, data=RANDOM, maxshape=(None, None), chunks=(64, 64))


INSIDE = [
    *(soft, soft_in_steps, hard, big_endian, compact, growing),
    stored(chunks=(3, 2)),
    stored(compression="gzip", chunks=(3, 2)),
    stored(compression="gzip", shuffle=True, fletcher32=True),
    stored(compression="lzf", shuffle=True, fletcher32=True),
]


@pytest.mark.parametrize("edit", INSIDE, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("door", [door for door in DOORS if "extras" not in door])
def test_data_in_the_file_itself_are_read_however_they_are_stored(tmp_path, door, edit):
    name, save, change, key, load = DOORS[door]
    save(tmp_path / name)
    change(tmp_path / name, key, edit)
    loaded = load(tmp_path / name) if load is keras.models.load_model else model()
    if load is not keras.models.load_model:
        loaded.load_weights(tmp_path / name, by_name=load is by_name)

    assert np.array_equal(loaded.get_weights()[0], RANDOM)


def test_a_large_compressed_file_is_read(tmp_path):
    """One that is not read into memory whole, but when its array is asked for."""
    units = LARGE + 1
    values = np.random.default_rng(3).normal(size=(4, units)).astype("float32")
    made = model(units)
    made.save_weights(tmp_path / "w.h5")
    in_file(
        tmp_path / "w.h5",
        KERAS_2,
        lambda group, name: group.create_dataset(name, data=values, compression="gzip"),
    )
    made.load_weights(tmp_path / "w.h5")

    assert np.array_equal(made.get_weights()[0], values)


def test_optimizer_slots_that_are_compressed_are_read(tmp_path):
    made = model()
    made.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 3), "float32"))
    made.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        slots = file["optimizer_weights"]
        names = []
        slots.visititems(
            lambda name, item: names.append(name) if getattr(item, "shape", ()) else None
        )
        for name in names:
            value = slots[name][...]
            del slots[name]
            slots.create_dataset(name, data=value, compression="gzip")
    loaded = keras.models.load_model(tmp_path / "m.h5")

    assert len(names) == 4
    assert [one.value.tobytes() for one in loaded.optimizer.variables] == [
        one.value.tobytes() for one in made.optimizer.variables
    ]


def dangling(group, name):
    group[name] = h5py.SoftLink("/nowhere")


def round_trip(group, name):
    group[name] = h5py.SoftLink(f"{group.name}/x")
    group["x"] = h5py.SoftLink(f"{group.name}/{name}")


def filtered(group, name):
    group.create_dataset(name, data=RANDOM, scaleoffset=4)


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (dangling, MissingPart, "a link to a missing object '/nowhere'"),
        (round_trip, WrongPart, "a cycle of links"),
        (filtered, NotReadHere, "remove the filters"),
    ],
)
def test_what_is_not_read_of_links_and_filters_is_refused_by_name(tmp_path, edit, error, message):
    model().save_weights(tmp_path / "w.h5")
    in_file(tmp_path / "w.h5", KERAS_2, edit)

    with pytest.raises(error, match=message):
        weights(tmp_path / "w.h5")


def test_a_dataset_of_another_shape_is_refused_before_it_is_read(tmp_path, monkeypatch):
    model().save_weights(tmp_path / "w.h5")
    in_file(
        tmp_path / "w.h5",
        KERAS_2,
        lambda group, name: group.create_dataset(name, (4, 4), "f4", chunks=(4, 4)),
    )
    monkeypatch.setattr("saveproof.reference_impl.saving.hdf5.parts.read_dataset", None)

    with pytest.raises(WeightsMismatch, match=r"\(4, 3\), found .* of shape \(4, 4\)"):
        weights(tmp_path / "w.h5")
