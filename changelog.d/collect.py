"""Moves the fragments of this folder into CHANGELOG.md, under the heading of the next version.

python changelog.d/collect.py
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

KINDS = ("added", "changed", "fixed", "removed")
TITLE = "# Changes\n"


def collect(root: Path) -> None:
    """Write a section for the version in pyproject.toml on top, and delete the fragments.

    Raises:
        ValueError: the version already has a section.
    """
    target = root / "CHANGELOG.md"
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    heading = f"\n## {settings['project']['version']}\n"
    older = target.read_text(encoding="utf-8").removeprefix(TITLE) if target.exists() else ""
    if heading in older:
        raise ValueError(f"{target}: expected no section{heading}found one; raise the version")
    fragments = sorted((root / "changelog.d").glob("*.*.md"))
    lines = "".join(_sections(fragments))
    target.write_text(f"{TITLE}{heading}{lines}{older}", encoding="utf-8")
    for fragment in fragments:
        fragment.unlink()


def _sections(fragments: list[Path]) -> Iterator[str]:
    """Yield a heading and the sentences of each kind of change; links are relative to the root."""
    for kind in KINDS:
        same = [one for one in fragments if one.name.split(".")[1] == kind]
        sentences = (one.read_text(encoding="utf-8").replace("](../", "](") for one in same)
        yield from (f"\n### {kind.title()}\n\n" if same else "", *(f"- {s}" for s in sentences))


if __name__ == "__main__":
    collect(Path(__file__).parents[1])
