"""What each kind of path that needs the model's code must do where other code loads.

Weights are the same whatever trains, whatever the layers are called and however the model is
compiled. Where a document gives no rule, a clear refusal is as good as the right values.
"""

from collections.abc import Mapping

from saveproof.conformance.model_state.contract import Demand
from saveproof.strategies.case import Departure

Demands = Mapping[Departure, Demand]

BY_LIST: Demands = {
    Departure.FROZEN: Demand.RIGHT,
    Departure.THAWED: Demand.RIGHT,
    Departure.NUMBERED: Demand.RIGHT,
    Departure.HEAD: Demand.REFUSED,
    Departure.DTYPE: Demand.EITHER,
    Departure.OPTIMIZER: Demand.RIGHT,
    Departure.UNCOMPILED: Demand.RIGHT,
    Departure.UNBUILT: Demand.EITHER,
    Departure.FIRST_STEP: Demand.RIGHT,
}
"""A list of arrays has no names: its document says that the order of the layers is the user's."""

BY_TOPOLOGY: Demands = {**BY_LIST, Departure.ORDER: Demand.EITHER}
"""Keras 2's HDF5 matches layers in order, but has their names, which tell when that is wrong."""

BY_STRUCTURE: Demands = {
    **BY_LIST,
    Departure.FROZEN: Demand.EITHER,
    Departure.THAWED: Demand.EITHER,
    Departure.ORDER: Demand.EITHER,
    Departure.OPTIMIZER: Demand.EITHER,
    Departure.UNCOMPILED: Demand.EITHER,
}
"""`.weights.h5` matches layers by attribute.

It holds the optimizer's state too, in a numbered list: an optimizer of another class, for other
weights or for weights in another order may refuse it.
"""

BY_OBJECT: Demands = {**BY_STRUCTURE, Departure.UNBUILT: Demand.RIGHT}
"""A checkpoint does so too, and restores variables that are made after the load."""
