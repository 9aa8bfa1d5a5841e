"""The files of a user's own model: their functions, imported as a script imports them."""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from saveproof.conformance.model_state.subject import UnusableSubject


def function_of(place: str) -> Callable[..., Any]:
    """Return the function of `FILE.py:FUNCTION`; its folder is on the import path.

    Raises:
        UnusableSubject: there is no such file or function.
    """
    file, _, name = place.rpartition(":")
    source = Path(file).resolve()
    if not name or not source.is_file():
        raise UnusableSubject(f"{place}: expected FILE.py:FUNCTION, found no file {file!r}")
    module = _module(source)
    function = getattr(module, name, None)
    if not callable(function):
        raise UnusableSubject(f"{place}: {source.name} has no function {name!r}")
    found: Callable[..., Any] = function
    return found


def _module(source: Path) -> ModuleType:
    """Return the file as a module, imported once; it imports its neighbours as a script does."""
    loaded = sys.modules.get(source.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(source):
        return loaded
    if loaded is not None:
        raise UnusableSubject(
            f"{source}: another module is called {source.stem!r} ({loaded.__file__}); "
            "give the file another name"
        )
    if str(source.parent) not in sys.path:
        sys.path.insert(0, str(source.parent))
    spec = spec_from_file_location(source.stem, source)
    if spec is None or spec.loader is None:
        raise UnusableSubject(f"{source}: expected a Python file")
    module = module_from_spec(spec)
    sys.modules[source.stem] = module
    spec.loader.exec_module(module)
    return module
