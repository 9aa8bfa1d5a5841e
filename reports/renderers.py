"""The renderers of a run's figures, by the name of their format."""

from collections.abc import Callable, Mapping

import msgspec

from saveproof.reports.badge import badge
from saveproof.reports.html import html
from saveproof.reports.junit import junit
from saveproof.reports.markdown import markdown
from saveproof.reports.matrix import Matrix
from saveproof.reports.terminal import terminal
from saveproof.reports.wording import UNPRINTABLE


def figures_json(matrix: Matrix) -> str:
    """Return the figures as JSON, with control characters escaped."""
    text = msgspec.json.format(msgspec.json.encode(matrix)).decode() + "\n"
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


RENDERERS: Mapping[str, Callable[[Matrix], str]] = {
    "html": html,
    "markdown": markdown,
    "junit": junit,
    "json": figures_json,
    "badge": badge,
    "terminal": terminal,
}
