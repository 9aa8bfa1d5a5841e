"""Methods of the training loop that subclasses of Keras's Model may override, but not of ours."""

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
    """A subclass overrides a method that this training loop does not call."""


def check_steps(model: Any, steps: tuple[str, ...]) -> None:
    """Check that the model's class overrides none of these methods, which would be ignored.

    Raises:
        OwnStep: naming the class and the methods.
    """
    own = [step for step in steps if hasattr(type(model), step)]
    if own:
        raise OwnStep(
            f"model {model.name!r}: expected a class that leaves the training loop to fit, "
            f"evaluate and predict; {type(model).__name__} defines {own}, which is not called"
        )
