"""Options in `pyproject.toml`: `[tool.saveproof]` for runs, with a table for exchanges inside."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from saveproof.conformance.runs.options import (
    InterchangeOptions,
    InvalidOption,
    Option,
    SuiteOptions,
    options,
    refuse_invalid,
)

FILE = "pyproject.toml"

INTERCHANGE = "interchange"
"""The table of the options of exchanges, inside `[tool.saveproof]`."""


class InvalidConfiguration(ValueError):
    """The file is not TOML, or has an unknown key or a value out of its bounds."""


def configured(record: type[msgspec.Struct], folder: Path) -> Mapping[str, Any]:
    """Return the options of the record that the nearest table sets, by field name.

    The table is searched for in the folder and in those above it. The name of a file or a folder
    in it is relative to its own file.

    Raises:
        InvalidConfiguration: the table has an unknown key, or a value out of its bounds.
    """
    for one in (folder, *folder.absolute().parents):
        table = _table(one / FILE) if (one / FILE).is_file() else None
        if table is not None:
            return _chosen(record, one / FILE, table)
    return {}


def _table(file: Path) -> Mapping[str, Any] | None:
    """Return the table of a file, None without one."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("saveproof")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{file}: expected TOML: {error}; mend the file") from error
    if table is None or isinstance(table, dict):
        return table
    raise InvalidConfiguration(f"{file}: [tool.saveproof]: expected a table, found {table!r}")


def _chosen(
    record: type[msgspec.Struct], file: Path, table: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the record's options; the entire table must be valid."""
    runs = {key: value for key, value in table.items() if key != INTERCHANGE}
    exchanges = table.get(INTERCHANGE, {})
    if not isinstance(exchanges, dict):
        where = f"{file}: [tool.saveproof] {INTERCHANGE}"
        raise InvalidConfiguration(f"{where}: expected a table, found {exchanges!r}")
    of_runs = _valid(SuiteOptions, f"{file}: [tool.saveproof]", runs, INTERCHANGE)
    of_exchanges = _valid(InterchangeOptions, f"{file}: [tool.saveproof.{INTERCHANGE}]", exchanges)
    chosen = of_exchanges if issubclass(record, InterchangeOptions) else of_runs
    placed = {name: _placed(value, file.parent) for name, value in chosen.items()}
    return {name: value for name, value in placed.items() if name in record.__struct_fields__}


def _valid(
    record: type[msgspec.Struct], where: str, table: Mapping[str, Any], *tables: str
) -> dict[str, Any]:
    """Return the table's values by field name; `tables` are keys of tables inside it."""
    by_flag = {option.flag: option for option in options(record)}
    unknown = sorted(table.keys() - by_flag)
    if unknown:
        expected = sorted({*by_flag, *tables})
        raise InvalidConfiguration(f"{where} {unknown[0]}: expected one of {expected}")
    values = {by_flag[key].name: _value(by_flag[key], given) for key, given in table.items()}
    try:
        refuse_invalid(record, values)
    except InvalidOption as error:
        raise InvalidConfiguration(f"{where} {error}") from error
    return values


def _value(option: Option, given: object) -> object:
    """Return a value of TOML as the option takes it: a number may stand for its text."""
    number = isinstance(given, int) and not isinstance(given, bool)
    if option.type is str and number and not option.many:
        return str(given)
    if option.type is Path and isinstance(given, list):
        return [Path(one) if isinstance(one, str) else one for one in given]
    return Path(given) if option.type is Path and isinstance(given, str) else given


def _placed(value: Any, folder: Path) -> Any:
    """Return the value with files and folders relative to that folder."""
    if isinstance(value, list):
        return [_placed(one, folder) for one in value]
    return folder / value if isinstance(value, Path) else value
