"""The words that reports, commands and documents use."""

from collections.abc import Mapping
from textwrap import fill

GLOSSARY: Mapping[str, str] = {
    "subject": (
        "What is tested: a framework, in one version and on one backend, behind a small "
        "adapter. Examples: tf_keras, keras:torch, reference."
    ),
    "save path": (
        "One way to write a model and read it back, such as model.save('m.h5') followed by "
        "load_model('m.h5'). A save path is never a file name here."
    ),
    "facet": (
        "One kind of state that a model has: its weights, its optimizer slots, its trainable "
        "flags, and so on."
    ),
    "contract": (
        "What a save path promises: which facets come back, which must not, what it must "
        "refuse, and the document that says so."
    ),
    "check": (
        "One sentence that must be true whenever a contract promises what the sentence needs, "
        "such as 'Every weight comes back with its dtype, shape and bytes.'"
    ),
    "case": (
        "One generated test input: a model, its compile settings, its training history, and a "
        "seed for data. Its id is a hash of its content."
    ),
    "stratum": (
        "A class, an argument of a class, an event or a feature that cases may have, such as "
        "losses.Huber/delta. A report says which strata a run reached, and why not the others."
    ),
    "verdict": (
        "The result of one check on one case: pass, fail, gap, refused, crash, timeout, "
        "memory limit, vacuous, not shown, unstable, not applicable, known, or harness error."
    ),
    "distinct defect": (
        "All findings of one framework that have one cause, on any save path and by any check. "
        "It has a code, such as SP-OPTIMIZER-SLOT-LOST, and a short id."
    ),
    "gap": (
        "State that an exact resume needs, that no document promises, and that did not come back."
    ),
    "known issue": (
        "A failure or gap that is already listed, with its reason. It stays visible in the "
        "report, and the run's exit code ignores it."
    ),
    "mutant": (
        "The reference with one deliberate fault. Every check must find at least one mutant, "
        "which shows that the check can fail."
    ),
}
"""Meaning by word, in the order in which a reader meets them."""


def glossary() -> str:
    """Return the words and their meanings, a paragraph each, for a terminal of 80 columns."""
    return "\n\n".join(
        fill(f"{word}: {meaning}", 78, subsequent_indent="    ")
        for word, meaning in GLOSSARY.items()
    )
