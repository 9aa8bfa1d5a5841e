"""The memory that a subject's process may use."""

import resource
from contextlib import suppress

GIB = 1 << 30

MEMORY = 8.0
"""GiB of data that a subject's process may use by default.

TensorFlow, JAX and torch need half a GiB with a small model, and 8 MiB more for each thread.
"""


def limit_memory(memory: float) -> None:
    """Bound the GiB that this process may have, and each that it starts; 0 is no bound.

    It bounds data alone: frameworks reserve addresses that they never use. Systems other than Linux
    may ignore it.
    """
    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = int(memory * GIB)
    least = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if memory:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (least, least))


def in_words(memory: float) -> str:
    """Return the limit of a process that may use so many GiB, or the system's; empty for none."""
    own = resource.getrlimit(resource.RLIMIT_DATA)[0]
    limit = memory or (0 if own == resource.RLIM_INFINITY else own / GIB)
    return f" of {limit:.3g} GiB (--memory)" if limit else ""
