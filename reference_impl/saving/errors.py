"""Exceptions of files that are damaged, invalid or not supported."""

from saveproof.reference_impl.loading import LoadError, Located


class UnreadableFile(LoadError):
    """The file is not in the format, or truncated."""


class MissingPart(LoadError):
    """A required attribute, group, dataset or member, or one listed in the file, is missing."""


class WrongPart(LoadError):
    """An attribute, group or dataset has the wrong kind, type or content."""


class WrongChecksum(LoadError):
    """Bytes do not match the checksum stored with them."""


class LeadsOutside(LoadError):
    """A link, dataset or name in the file points to another file, which is never read."""


class NotReadHere(Located, NotImplementedError):
    """The file uses a variant of the format that is not supported; the message names it."""


class UnwritableName(ValueError):
    """The format cannot store a name."""
