"""HDF5 files that claim more data than they hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from saveproof import reference_impl as keras

Make = Callable[[Path], Path]
"""Writes a hostile file into a folder and returns its path."""

WIDE = "wide.h5"
"""Weights of a kernel of 1 MiB."""


def small_model(width: int = 3) -> Any:
    """Return a model of one Dense layer of four inputs."""
    keras.backend.clear_session()
    return keras.Sequential([keras.layers.Dense(width, input_shape=(4,), name="d")], name="m")


def wide_model() -> Any:
    """Return a model of one kernel of 1 MiB."""
    keras.backend.clear_session()
    layer = keras.layers.Dense(512, input_shape=(512,), use_bias=False, name="d")
    return keras.Sequential([layer], name="m")


def with_kernel(source: Path, key: str, edit: Callable[[h5py.Group], None]) -> Path:
    """Replace a dataset by one that `edit` creates in its group; return the file."""
    with h5py.File(source, "a") as file:
        del file[key]
        edit(file[key.rpartition("/")[0]])
    return source


def saved(folder: Path, name: str) -> Path:
    """Save a small model in the format of the file name."""
    source = folder / name
    model = small_model()
    (model.save if name in ("m.h5", "m.keras") else model.save_weights)(source)
    return source


def declared(name: str, key: str, **options: Any) -> Make:
    """Return a function that writes a file which declares 64 GiB and stores none of them."""
    last = key.rpartition("/")[2]
    shape = (1 << 34,)
    return lambda folder: with_kernel(
        saved(folder, name),
        key,
        lambda group: group.create_dataset(last, shape, "f4", chunks=(1 << 20,), **options),
    )


def with_chunk(stored: Callable[[], bytes], **options: Any) -> Make:
    """Return a function that writes a kernel of 1 MiB as one chunk with these bytes."""

    def make(folder: Path) -> Path:
        source = folder / WIDE
        wide_model().save_weights(source)

        def edit(group: h5py.Group) -> None:
            item = group.create_dataset("kernel:0", (512, 512), "f4", chunks=(512, 512), **options)
            item.id.write_direct_chunk((0, 0), stored())

        return with_kernel(source, "d/d/kernel:0", edit)

    return make


def huge_chunk(folder: Path) -> Path:
    """Write weights with a chunk size of 3 GiB."""

    def edit(group: h5py.Group) -> None:
        group.create_dataset("kernel:0", (4, 3), "f4", maxshape=(None, 3), chunks=(1 << 28, 3))

    return with_kernel(saved(folder, "w.h5"), "d/d/kernel:0", edit)


def linked_twice(folder: Path) -> Path:
    """Write weights with nested groups, where each group is linked twice from the one above."""
    source = saved(folder, "w.weights.h5")
    with h5py.File(source, "a") as file:
        group = file["layers"]
        for _ in range(60):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
    return source
