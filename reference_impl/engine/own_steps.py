"""The steps of training that a subclass of Keras's Model may state, and of this Model may not."""

from typing import Any

OF_TRAINING = (
    "compute_loss",
    "compute_metrics",
    "make_test_function",
    "make_train_function",
    "test_step",
    "train_step",
)
OF_PREDICTION = ("make_predict_function", "predict_step")


class OwnStep(NotImplementedError):
    """A subclass states a step that the training loop here would not call."""


def check_steps(model: Any, steps: tuple[str, ...]) -> None:
    """Refuse a model whose class states one of the steps, instead of passing it over.

    Raises:
        OwnStep: naming the class and what it states.
    """
    stated = [step for step in steps if hasattr(type(model), step)]
    if stated:
        raise OwnStep(
            f"model {model.name!r}: {type(model).__name__} states {stated}, which is not called "
            "here: expected a model that leaves the loop to fit, evaluate and predict"
        )
