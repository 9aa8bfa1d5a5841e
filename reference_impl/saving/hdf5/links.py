"""Links in an HDF5 file: links within the file are followed, links to other files rejected."""

from pathlib import Path
from typing import Any

from h5py import h5g, h5l, h5o

from saveproof.reference_impl.saving.errors import LeadsOutside, MissingPart, WrongPart

MOST_SOFT = 64
"""The largest number of soft links on the way to an object; more are taken for a cycle."""


def linked(group: h5g.GroupID, path: str, *, source: Path, where: str) -> Any:
    """Return the object at a path below a group; None if there is none.

    HDF5 itself would open any file that an external link names.

    Args:
        group: the start of the path.
        path: names separated by slashes.
        source: the file, for messages.
        where: the path of the group, for messages.

    Raises:
        LeadsOutside: for an external link, or one of unknown kind.
        MissingPart: for a soft link to a missing object.
        WrongPart: for a cycle of soft links.
    """
    item: Any = group
    names = _names(path)
    followed: list[str] = []
    while names:
        name = names.pop(0)
        kind = kind_of(item, name) if isinstance(item, h5g.GroupID) else None
        if kind is None:
            if followed:
                place = _place(where, path)
                raise MissingPart(
                    f"{source}: {place!r}: a link to a missing object {followed[-1]!r}"
                )
            return None
        if not is_link(kind):
            item = h5o.open(item, name)
        elif kind == h5g.LINK:
            target = item.links.get_val(name).decode()
            followed.append(target)
            if len(followed) > MOST_SOFT:
                place = _place(where, path)
                raise WrongPart(f"{source}: {place!r}: a cycle of links through {target!r}")
            item = h5g.open(item, b"/") if target.startswith("/") else item
            names = _names(target) + names
        else:
            raise _leads_outside(item, name, source, _place(where, path))
    return item


def _place(where: str, path: str) -> str:
    return f"{where}/{path}".removeprefix("/")


def is_link(kind: int | None) -> bool:
    """Return whether this is a soft, external or user-defined link."""
    return kind not in (h5g.GROUP, h5g.DATASET, h5g.TYPE)


def kind_of(group: h5g.GroupID, name: bytes) -> int | None:
    """Return the kind of the object or link with that name; None if there is none."""
    try:
        return int(h5g.get_objinfo(group, name, follow_link=False).type)
    except RuntimeError:
        if group.links.exists(name):
            raise
        return None


def _names(path: str) -> list[bytes]:
    return [name.encode() for name in path.split("/") if name not in ("", ".")]


def _leads_outside(group: h5g.GroupID, name: bytes, source: Path, where: str) -> LeadsOutside:
    what = "a link of unknown kind"
    if group.links.get_info(name).type == h5l.TYPE_EXTERNAL:
        file, path = (part.decode(errors="replace") for part in group.links.get_val(name))
        what = f"an external link to {path!r} in the file {file!r}"
    return LeadsOutside(
        f"{source}: {where!r}: expected the data in the file itself, found {what}; if you trust "
        "that file, copy its data (h5py: `del` the link, then `copy`)"
    )
