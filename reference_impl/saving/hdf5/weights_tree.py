"""The layout of `.weights.h5`: one group per layer, at its path, with numbered variables.

Shards, which a `.weights.json` lists, are read as one file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saveproof.reference_impl.saving.errors import MissingPart, UnreadableFile, WrongPart
from saveproof.reference_impl.saving.hdf5.extras import EXTRAS_GROUP, read_extras, write_extras
from saveproof.reference_impl.saving.hdf5.memory import write_file
from saveproof.reference_impl.saving.hdf5.parts import Part, opened
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.sources import bytes_of, member_of
from saveproof.reference_impl.state import Array, Extras, array_of

DEEPEST = 64
"""The largest depth of nested groups; more are taken for a cycle of links."""

MOST_LINKS = 64
"""The largest number of paths to a group, which could otherwise grow exponentially."""

OPTIMIZER = "optimizer"

_CONTAINERS_OF_2_12 = {"_layer_checkpoint_dependencies": "layers"}
"""Keras 2.12's name for the layers of a model."""


@dataclass(frozen=True, slots=True)
class Group:
    """The variables at one path, by `0`, `1`… or by a layer's own keys."""

    arrays: Mapping[str, Array]
    name: str | None = None

    def numbered(self) -> list[Array]:
        """Return the arrays by number, followed by those with other keys in sorted order."""
        keys = sorted(self.arrays, key=lambda key: (not key.isdigit(), key.zfill(20)))
        return [self.arrays[key] for key in keys]


@dataclass(frozen=True, slots=True)
class WeightsTree:
    """The content of a file: groups by the layer's path, which is '' for the model itself."""

    groups: Mapping[str, Group]
    extras: Extras | None = None
    sources: Sequence[Path] = field(default_factory=tuple)

    def size(self) -> int:
        """Return the number of bytes of all arrays in the groups."""
        return sum(
            array.nbytes for group in self.groups.values() for array in group.arrays.values()
        )


def numbered_group(arrays: Sequence[Array], name: str | None = None) -> Group:
    """Return the group of these arrays, in order."""
    return Group({str(number): array for number, array in enumerate(arrays)}, name)


def write_weights_tree(tree: WeightsTree, target: Path, *, mark_bfloat16: bool) -> None:
    """Write the file and replace the target atomically."""
    write_file(target, lambda root: write_tree(root, tree, mark_bfloat16=mark_bfloat16))


def write_tree(root: GroupWriter, tree: WeightsTree, *, mark_bfloat16: bool) -> None:
    """Write the groups below the root of an HDF5 file."""
    for path, found in tree.groups.items():
        group = root.group(f"{path}/vars".removeprefix("/"))
        if found.name is not None:
            group.text("name", found.name, utf8=True)
        for key, array in found.arrays.items():
            group.dataset(key, array_of(array), mark_bfloat16=mark_bfloat16)
    if tree.extras is not None:
        write_extras(root, tree.extras)


def read_weights_tree(source: Path) -> WeightsTree:
    """Return the content of a `.weights.h5` file, or of the shards of a `.weights.json`.

    Raises:
        FileNotFoundError: if the file or a shard does not exist.
        LeadsOutside: for a shard, or data in one, outside the folder.
        UnreadableFile: if it is not in the format, or truncated.
        WrongChecksum: if it has a checksum trailer and is damaged.
        MissingPart, WrongPart: if a part is missing or invalid.
    """
    if source.name.endswith(".json"):
        return _read_shards(source)
    with opened(source) as root:
        return read_tree(root)


def read_tree(root: Part) -> WeightsTree:
    """Return the groups below the root of an HDF5 file."""
    groups: dict[str, Group] = {}
    _collect(root, (), groups, Counter())
    if not groups:
        raise MissingPart(f"{root.source}: no group 'vars': not in '.weights.h5' layout")
    return WeightsTree(groups, read_extras(root), (root.source,))


def _collect(
    part: Part, path: tuple[str, ...], groups: dict[str, Group], visits: Counter[int]
) -> None:
    if len(path) > DEEPEST:
        raise WrongPart(f"{part.source}: expected groups of a depth up to {DEEPEST}, found more")
    visits[part.address()] += 1
    if visits[part.address()] > MOST_LINKS:
        raise WrongPart(f"{part.source}: {part.where!r}: over {MOST_LINKS} links to one group")
    for name in part.groups():
        if name == "vars":
            held = part.group(name)
            arrays = {key: held.array(key) for key in held.datasets()}
            groups["/".join(path)] = Group(arrays, held.text("name"))
        elif path or name != EXTRAS_GROUP:
            inner = (*path, _CONTAINERS_OF_2_12.get(name, name))
            _collect(part.group(name), inner, groups, visits)


def _read_shards(source: Path) -> WeightsTree:
    """Read each group from the shards listed for it; other shards may contain it empty."""
    weight_map = _weight_map(source)
    shards = {
        name: _read_shard(member_of(source.parent, name, index=source))
        for name in sorted({name for names in weight_map.values() for name in names})
    }
    groups: dict[str, Group] = {}
    for place, names in weight_map.items():
        path = place.strip("/").removesuffix("vars").rstrip("/")
        arrays: dict[str, Array] = {}
        for name in names:
            found = shards[name].groups.get(path)
            if found is None:
                raise MissingPart(f"{source}: {place!r} is not in the shard {name!r}")
            if twice := sorted(set(arrays) & set(found.arrays)):
                raise WrongPart(
                    f"{source}: {place!r}: expected each array once, found {twice} twice"
                )
            arrays |= found.arrays
        groups[path] = Group(arrays)
    return WeightsTree(groups, None, tuple(source.parent / name for name in shards))


def _read_shard(source: Path) -> WeightsTree:
    with opened(source) as root:
        return read_tree(root)


def _weight_map(source: Path) -> dict[str, list[str]]:
    where = str(source)
    found = json_value(bytes_of(source), where=where, error=UnreadableFile)
    weight_map = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(weight_map, dict):
        raise MissingPart(f"{source}: no weight_map: not the index of sharded weights")
    names = {
        place: [shards] if isinstance(shards, str) else shards
        for place, shards in weight_map.items()
    }
    for place, listed in names.items():
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise WrongPart(f"{source}: {place!r}: expected file names, found {listed!r:.200}")
    return names
