"""The Jinja2 environment of the templates: values are escaped, undefined names are errors."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

TEMPLATES = Environment(
    loader=PackageLoader("saveproof.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, values: Mapping[str, object]) -> str:
    """Return the template of that name, rendered with the values."""
    return TEMPLATES.get_template(template).render(values)
