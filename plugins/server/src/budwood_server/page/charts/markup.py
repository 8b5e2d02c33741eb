"""Elements of SVG and HTML as text, whose values are always escaped."""

from __future__ import annotations

from markupsafe import Markup, escape


def element(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """
    Return an element.

    Args:
        name: Its name.
        children: Its content. Texts are escaped; `Markup` is not.
        attributes: Its attributes. ``_`` in their names is a hyphen, and one at the end is left out.
    """
    pairs = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
    )
    content = Markup("").join(map(escape, children))
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), pairs, content)  # noqa: S704 - a name of this package
