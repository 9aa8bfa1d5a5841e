"""Moves the fragments of this folder into CHANGELOG.md, under the heading of the next version.

python changelog.d/collect.py
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

KINDS = ("added", "changed", "fixed", "removed")
TITLE = "# Changes\n"


def collect(root: Path) -> None:
    """Write the section of the version in pyproject.toml above the others; remove the fragments.

    Raises:
        ValueError: the version has a section already.
    """
    target = root / "CHANGELOG.md"
    told = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    heading = f"\n## {told['project']['version']}\n"
    older = target.read_text(encoding="utf-8").removeprefix(TITLE) if target.exists() else ""
    if heading in older:
        raise ValueError(f"{target}: expected no section{heading}found one; raise the version")
    fragments = sorted((root / "changelog.d").glob("*.*.md"))
    lines = "".join(_sections(fragments))
    target.write_text(f"{TITLE}{heading}{lines}{older}", encoding="utf-8")
    for fragment in fragments:
        fragment.unlink()


def _sections(fragments: list[Path]) -> Iterator[str]:
    """Yield a heading for each kind of change, and its sentences; links begin at the root."""
    for kind in KINDS:
        told = [one for one in fragments if one.name.split(".")[1] == kind]
        sentences = (one.read_text(encoding="utf-8").replace("](../", "](") for one in told)
        yield from (f"\n### {kind.title()}\n\n" if told else "", *(f"- {s}" for s in sentences))


if __name__ == "__main__":
    collect(Path(__file__).parents[1])
