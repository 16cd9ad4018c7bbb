"""One file of Python out of a package's modules: what some of its names need, and nothing else."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path


# Statements that define names at the top of a module.
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


@dataclass
class Module:
    """
    A module as it was read.

    Args:
        name: full name of the module.
        lines: its source.
        definitions: statements by the names that they define, each with its first line, comments before it included.
        imports: by the names that they bind, the module and the name in it; a name of None is a module itself.
        needed: the statements that are taken, by their first lines.
        sources: modules of the package that these need, in the order in which that was found.
    """

    name: str
    lines: list[str]
    definitions: dict[str, tuple[int, ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    needed: dict[int, ast.stmt] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)


class Bundle:
    """
    Follows names from module to module within a package.

    Args:
        package: name of the package whose modules become part of the file.
        files: paths of modules that are no part of the package, by their names.
    """

    def __init__(self, package: str, files: dict[str, Path] | None = None):
        self.package, self.files = package, files or {}
        self.modules: dict[str, Module] = {}
        self.external: set[tuple[str, str | None, str]] = set()

    def is_inside(self, module: str) -> bool:
        return module in self.files or module == self.package or module.startswith(f"{self.package}.")

    def read(self, name: str) -> Module:
        if name in self.modules:
            return self.modules[name]
        spec = None if name in self.files else find_spec(name)
        path = Path(self.files[name] if spec is None else spec.origin)
        module = Module(name, path.read_text(encoding="utf-8").splitlines())
        parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
        after = 0
        for statement in ast.parse("\n".join(module.lines)).body:
            # What only type checkers import: in one file, annotations are evaluated.
            is_checked = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
            for one in statement.body if is_checked else [statement]:
                if isinstance(one, ast.Import | ast.ImportFrom):
                    module.imports |= _imported(one, parent)
                for defined in _defined(one):
                    module.definitions[defined] = (after, one)
            after = statement.end_lineno
        self.modules[name] = module
        return module

    def take(self, module_name: str, name: str) -> None:
        """Takes what defines a name in a module, and all that this needs."""
        module = self.read(module_name)
        if name in module.imports:
            source, original = module.imports[name]
            if not self.is_inside(source):
                self.external.add((source, original, name))
            elif original != name:
                raise ValueError(f"{module_name}: expected {source} to be imported name by name, and each by its own")
            else:
                module.sources.append(source)
                self.take(source, original)
            return
        if name not in module.definitions:
            return
        first, statement = module.definitions[name]
        if first in module.needed:
            return
        module.needed[first] = statement
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and node.level:
                raise ValueError(f"{module_name}: expected no import of the package inside {name}")
            if isinstance(node, ast.Name):
                self.take(module_name, node.id)

    def ordered(self, start: str) -> list[Module]:
        """The modules that something was taken of, each after those that it needs."""
        found: list[Module] = []
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name not in seen:
                seen.add(name)
                for source in self.modules[name].sources:
                    visit(source)
                found.append(self.modules[name])

        visit(start)
        return [module for module in found if module.needed]

    def text(self, start: str) -> str:
        """The file: imports, then what was taken of the modules that `start` needs, and of itself."""
        modules = self.ordered(start)
        origins: dict[str, str] = {}
        for module in modules:
            for name in (name for statement in module.needed.values() for name in _defined(statement)):
                if origins.setdefault(name, module.name) != module.name:
                    raise ValueError(f"{name} is defined in {origins[name]} and in {module.name}")
        parts = ["\n".join(_import_lines(self.external))]
        for module in modules:
            parts.append(f"# {module.name}")
            for first, statement in sorted(module.needed.items(), key=lambda one: one[0]):
                parts.append("\n".join(module.lines[first : statement.end_lineno]).strip("\n"))
        return "\n\n\n".join(parts) + "\n"


def _defined(statement: ast.stmt) -> list[str]:
    if not isinstance(statement, DEFINITIONS):
        return []
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name) and target.id != "__all__"]


def _imported(statement: ast.Import | ast.ImportFrom, parent: str) -> dict[str, tuple[str, str | None]]:
    if isinstance(statement, ast.Import):
        return {(one.asname or one.name): (one.name, None) for one in statement.names}
    parts = parent.split(".")
    base = ".".join(parts[: len(parts) + 1 - statement.level]) if statement.level else ""
    source = ".".join(filter(None, (base, statement.module)))
    return {(one.asname or one.name): (source, one.name) for one in statement.names}


def _import_lines(imports: set[tuple[str, str | None, str]]) -> list[str]:
    whole = [f"import {source}" + f" as {name}" * (name != source) for source, one, name in imports if one is None]
    parts: dict[str, list[str]] = {}
    for source, original, name in sorted(imports, key=str):
        if original is not None:
            parts.setdefault(source, []).append(original + f" as {name}" * (name != original))
    return sorted(whole) + [f"from {source} import {', '.join(names)}" for source, names in sorted(parts.items())]


def bundle(module: str, names: list[str], *, package: str, file: Path | None = None) -> str:
    """
    Source of one file with some names of a module and all of a package that they need.

    Args:
        module: full name of the module.
        names: what is wanted of it.
        package: name of the package whose modules become part of the file; all others are imported by it.
        file: where the module lies, if it is no part of the package.

    Raises:
        ValueError: names that two modules define, modules that are imported as such or under another name, and
            imports of the package inside functions.
    """
    made = Bundle(package, {} if file is None else {module: file})
    for name in names:
        made.take(module, name)
    return made.text(module)
