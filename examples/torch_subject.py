"""An example of a subject: `torch.nn.Sequential` and Adam, saved as two state dicts.

saveproof run examples.torch_subject:torch_nn
"""

from typing import Any

import torch  # noqa: TID253 - the library under test

from saveproof import DENSE_CHAIN, Case, simple_subject

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

LAYERS = {
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
    "relu": torch.nn.ReLU,
}


def build(case: Case) -> dict[str, Any]:
    """Return a new model with its optimizer."""
    width, parts = case.architecture.inputs[0].shape[-1], []
    for layer in case.architecture.layers:
        if layer.class_name == "BatchNormalization":
            parts.append(torch.nn.BatchNorm1d(width))
            continue
        parts.append(torch.nn.Linear(width, layer.config["units"]))
        width = layer.config["units"]
        if activation := layer.config.get("activation"):
            parts.append(LAYERS[activation]())
    model = torch.nn.Sequential(*parts)
    return {"model": model, "optimizer": torch.optim.Adam(model.parameters(), lr=0.01)}


def train(made: dict[str, Any], x: Any, y: Any) -> float:
    """Take one step on a batch."""
    made["model"].train()
    made["optimizer"].zero_grad()
    loss = torch.nn.functional.mse_loss(made["model"](torch.tensor(x)), torch.tensor(y))
    loss.backward()
    made["optimizer"].step()
    return float(loss)


def predict(made: dict[str, Any], x: Any) -> Any:
    """Return the outputs in evaluation mode."""
    made["model"].eval()
    with torch.no_grad():
        return made["model"](torch.tensor(x)).numpy()


def state(made: dict[str, Any]) -> dict[str, Any]:
    """Return the state by facet."""
    slots = {
        f"{number} {name}": value
        for number, entry in made["optimizer"].state_dict()["state"].items()
        for name, value in entry.items()
    }
    return {
        "weights": {name: p.detach() for name, p in made["model"].named_parameters()},
        "non_trainable": dict(made["model"].named_buffers()),
        "slots": {name: value for name, value in slots.items() if not name.endswith("step")},
        "iteration": {name: value for name, value in slots.items() if name.endswith("step")},
    }


def save(made: dict[str, Any], file: Any) -> None:
    """Write the state dicts of the model and the optimizer."""
    torch.save({name: part.state_dict() for name, part in made.items()}, file)


def load(file: Any, case: Case) -> dict[str, Any]:
    """Load the state dicts into a new model and optimizer."""
    made, stored = build(case), torch.load(file)
    for name, part in made.items():
        part.load_state_dict(stored[name])
    return made


torch_nn = simple_subject(
    "torch.nn",
    capabilities=DENSE_CHAIN.but(
        layers=("Dense", "BatchNormalization"),
        arguments={**DENSE_CHAIN.arguments, "Dense": ("activation",), "BatchNormalization": ()},
        activations=("linear", *LAYERS),
        max_layers=5,
    ),
    document="https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html",
    packages=("torch",),
    seed=torch.manual_seed,
    build=build,
    train=train,
    predict=predict,
    state=state,
    paths={"pt": (save, load, "weights non_trainable slots iteration")},
)
