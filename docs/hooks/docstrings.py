"""
Docstrings in the style of diffusers, for griffe, which reads Google's: types in brackets give way to those of the
signature, and [`names`] become links. A name of this package that there is not ends the build.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

import griffe


PACKAGE = "aidd"
REFERENCE = re.compile(r"\[`(~?)([\w.]+)`\]")
# An argument of a docstring: its names, and the type in brackets before the colon.
TYPED_ARGUMENT = re.compile(r"^( +)(\w[\w, ]*) \((.*?)\):(?=\s|$)", re.MULTILINE)


class HuggingFaceDocstrings(griffe.Extension):
    """Rewrites the docstrings of the package, once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs) -> None:
        paths = defaultdict(set)
        objects = list(walk(pkg))
        for obj in objects:
            paths[obj.name].add(obj.path)
        for obj in objects:
            if obj.docstring is not None:
                text = TYPED_ARGUMENT.sub(untyped, obj.docstring.value)
                obj.docstring.value = REFERENCE.sub(lambda match, obj=obj: linked(match, obj, pkg, paths), text)


def walk(obj: griffe.Object) -> Iterator[griffe.Object]:
    """An object and all that is defined in it."""
    yield obj
    for member in obj.members.values():
        if not member.is_alias:
            yield from walk(member)


def untyped(match: re.Match) -> str:
    """An argument without its type, which the signature has too, unless that tells a shape or is of several."""
    indentation, names, kind = match.groups()
    return f"{indentation}{names}:" + (f" ({kind})" if "shape" in kind or "," in names else "")


def linked(match: re.Match, obj: griffe.Object, package: griffe.Module, paths: dict[str, set[str]]) -> str:
    """
    The link that stands for a name: where its page is on the site, or else the name alone.

    Raises:
        LookupError: it is no name in the object's scope, nor that of a single thing in the package.
    """
    short, name = match.groups()
    title = name.split(".")[-1] if short else name
    head, *rest = name.split(".")
    if short and head != PACKAGE:
        return f"`{title}`"
    if head == PACKAGE and rest:
        candidates = {name}
    else:
        try:
            candidates = {".".join([obj.resolve(head), *rest])}
        except griffe.NameResolutionError:
            candidates = {".".join([path, *rest]) for path in paths[head]}
    try:
        (path,) = candidates
        path = package[path.removeprefix(f"{PACKAGE}.")].canonical_path
    except (ValueError, KeyError, griffe.AliasResolutionError) as error:
        raise LookupError(
            f"the docstring of {obj.path} refers to {name}, which may be {sorted(candidates)}"
        ) from error
    return f'<autoref optional identifier="{path}"><code>{title}</code></autoref>'
