"""Every rendering of a run's figures, by the name of its format."""

from collections.abc import Callable, Mapping

import msgspec

from reports.badge import badge
from reports.html import html
from reports.junit import junit
from reports.markdown import markdown
from reports.matrix import Matrix
from reports.terminal import terminal
from reports.wording import UNPRINTABLE


def figures_json(matrix: Matrix) -> str:
    """Return the figures themselves as JSON, control characters as escapes."""
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
