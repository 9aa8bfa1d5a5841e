r"""The example subjects: their lines of code, and the share of generated cases that is judged.

python -m benchmarks.own_subjects
python -m benchmarks.own_subjects keras:torch --path weights_in_memory --check weights_survive \
    --examples 40
"""

import ast
import io
import sys
import tokenize
from importlib.util import find_spec
from pathlib import Path

import saveproof
from saveproof.reports.records import SHOWN_NOTHING

EXAMPLES = (
    "examples.linear_subject:linear",
    "examples.linear_class:Linear",
    "examples.mlp_subject:mlp",
    "examples.torch_subject:torch_nn",
)
CHECK = "resume_trajectory_is_identical"
LAYOUT = frozenset(
    (
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        tokenize.ENDMARKER,
    )
)
"""Tokens that make no line one of code."""


def code_lines(text: str) -> int:
    """Return the lines of a module that are neither empty nor a comment nor a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    used = {
        line
        for token in tokens
        if token.type not in LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(used - told)


def judged(
    subject: str, *, path: str = "", check: str = CHECK, examples: str = "30"
) -> tuple[int, int]:
    """Return on how many cases the check was judged, and how many there were."""
    paths = [path] if path else []
    run = saveproof.check(subject, paths=paths, checks=[check], examples=int(examples))
    tallies = [result.tally for result in run.results if result.check == check]
    shown = sum(n for tally in tallies for v, n in tally.items() if v not in SHOWN_NOTHING)
    return shown, sum(n for tally in tallies for n in tally.values())


def _source(subject: str) -> str:
    spec = find_spec(subject.partition(":")[0])
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


def main(arguments: list[str]) -> None:
    """Print a line for each subject."""
    subjects = arguments[:1] or EXAMPLES
    options = {
        name.removeprefix("--"): value
        for name, value in zip(arguments[1::2], arguments[2::2], strict=True)
    }
    for subject in subjects:
        lines = code_lines(_source(subject)) if subject in EXAMPLES else 0
        shown, cases = judged(subject, **options)
        size = f"{lines:3} lines of code, " if lines else ""
        print(f"{subject:34} {size}{shown} of {cases} cases judged")


if __name__ == "__main__":
    main(sys.argv[1:])
