"""Linear subjects that raise what is no `Exception`, as torch's `CheckpointException` is none."""

import os
from pathlib import Path
from typing import NoReturn

from examples.linear_class import Linear, Model, Npz
from saveproof.strategies.case import Case


class GaveUp(BaseException):
    """No `Exception`."""


def give_up(*_: object, **__: object) -> NoReturn:
    """Raise."""
    raise GaveUp("out of layers")


class Builds(Linear):
    """It gives up while it builds."""

    build = give_up


class Trains(Linear):
    """It gives up while it trains."""

    perform = give_up


class Predicts(Linear):
    """It gives up while it predicts."""

    predict = give_up


class Tells(Linear):
    """It gives up while it is looked at."""

    snapshot = give_up


class Describes(Linear):
    """It gives up while it tells its versions."""

    environment = give_up


class _Saving(Npz):
    save = give_up


class Saves(Linear):
    """It gives up while it saves."""

    path = _Saving()


class _Loading(Npz):
    load = give_up


class Loads(Linear):
    """It gives up while it loads."""

    path = _Loading()


class _LoadingElsewhere(Npz):
    def save(self, model: Model, target: Path) -> Path:
        os.environ["WRITER"] = str(os.getpid())
        return super().save(model, target)

    def load(self, source: Path, case: Case) -> Model:
        if os.environ["WRITER"] != str(os.getpid()):
            give_up()
        return super().load(source, case)


class LoadsElsewhere(Linear):
    """It gives up while it loads where it has not saved."""

    path = _LoadingElsewhere()
