"""The ways in which a file can be other than what it is taken for."""

from saveproof.reference_impl.loading import LoadError, Located


class UnreadableFile(LoadError):
    """The file is not of the format at all: not HDF5, or cut short."""


class MissingPart(LoadError):
    """The file lacks an attribute, group or dataset that it must have or that it lists itself."""


class WrongPart(LoadError):
    """An attribute, group or dataset is there, but of the wrong kind, type or content."""


class WrongChecksum(LoadError):
    """Bytes are not those that were written: they do not have the checksum stored with them."""


class LeadsOutside(LoadError):
    """A link, a dataset or a name in the file leads to another file, which is not read."""


class NotReadHere(Located, NotImplementedError):
    """The file is of the format, in a variant of it that is not read; the message names it."""


class UnwritableName(ValueError):
    """A name can't be stored in the format."""
