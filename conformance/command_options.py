"""The options of commands, made of records, and the errors of a user as one line.

What a value needs is imported when it is asked for, which keeps `--help` fast.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from saveproof.conformance.runs import options as declared
from saveproof.conformance.runs.options import SuiteOptions
from saveproof.reports.exit_codes import NOT_FINISHED

Command = Callable[..., None]

In = Annotated[
    list[Path] | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help=f"Run to search; default: the newest {SuiteOptions.folder} here.",
    ),
]

SHORT = {"workers": "-n"}
"""Options that have another name on the command line."""


COMPLETED = frozenset({"subject", "path", "check", "require", "kind"})
"""Options whose values a shell can complete."""


def takes(record: type[msgspec.Struct]) -> Callable[[Command], Command]:
    """Add the record's fields to a command's options; it receives the record as `options`.

    An option that is not given has the value of `[tool.saveproof]`, or else its default.
    """

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        named = {option.name: option for option in declared.options(record)}

        @functools.wraps(command)
        def parsed(ctx: typer.Context, **given: Any) -> None:
            chosen = {name: given.pop(name) for name in named}
            chosen = {name: value for name, value in chosen.items() if _is_given(ctx, name)}
            command(**given, options=or_error(lambda: _options_of(record, ctx, chosen)))

        context = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        others = [parameter for parameter in own if parameter.name != "options"]
        parameters = [context, *others, *map(_parameter, named.values())]
        parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return parsed

    return decorate


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _options_of(
    record: type[msgspec.Struct], ctx: typer.Context, given: dict[str, Any]
) -> msgspec.Struct:
    """Return the options of the command line and, unless isolated, of `pyproject.toml`."""
    from saveproof.conformance.runs.configuration import configured

    isolated = ctx.find_root().params.get("isolated")
    return declared.validated(record, {**({} if isolated else configured(record, Path())), **given})


def _parameter(option: declared.Option) -> inspect.Parameter:
    """Return the option as a parameter that Typer understands."""
    kind: Any = list[option.type] if option.many else option.type  # type: ignore[name-defined]
    texts: Any = {"help": option.help, "autocompletion": _completion(option.name)}
    shown: Any = typer.Option(SHORT.get(option.name, f"--{option.flag}"), **texts)
    if option.name == "subject":
        shown = typer.Argument(metavar="SUBJECT", show_default=False, **texts)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[kind, shown],
    )


def _completion(option: str) -> Callable[[str], list[str]] | None:
    """Return what completes the values of the option, if a shell can."""

    def complete(incomplete: str) -> list[str]:
        from saveproof.conformance.completion import completed

        return completed(option, incomplete)

    return complete if option in COMPLETED else None


def latest_run() -> Path:
    """Return the folder of the newest run that was not given one on the command line."""
    from saveproof.conformance.runs.configuration import configured
    from saveproof.reports.folders import newest

    return newest(configured(SuiteOptions, Path()).get("out", SuiteOptions.folder))


def or_error(ask: Callable[[], Any]) -> Any:
    """Return the answer; print the message of a user's mistake and exit with code 2."""
    try:
        return ask()
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        echo(f"saveproof: {error}", err=True)
        raise typer.Exit(NOT_FINISHED) from error


def echo(text: str, *, err: bool = False) -> None:
    """Print text from a file or a subject, with its control characters replaced."""
    from saveproof.reports.wording import printable

    typer.echo(printable(text), err=err)
