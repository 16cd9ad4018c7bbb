"""
The layers of the package, and what its code never does, read from its syntax trees.

What is not so yet stands in `KNOWN`, by rule and file, with how often. An entry that is no longer needed fails as
well, so the list only shrinks.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aidd.evaluation.methods.names import EVALUATED_METHODS


SOURCE = Path(__file__).parents[2] / "src" / "aidd"
# A folder imports from itself and from lines above, not from its neighbour on a line.
LAYERS = (
    ("signals",),
    ("masks",),
    ("splice",),
    ("detection", "classical"),
    ("models",),
    ("schedulers",),
    ("pipelines",),
    ("repair",),
    ("training", "evaluation"),
    ("audit",),
    ("cli",),
)
LINE_OF = {folder: line for line, folders in enumerate(LAYERS) for folder in folders}
METHODS = {name for name in EVALUATED_METHODS if name != "masked"}
# What warns.
WARNING = ("warnings.warn", "warn_at_caller")
MAX_LINES, MAX_PIPELINE_LINES, MAX_PARAMETERS = 350, 250, 10
# rule: {file: how often}
KNOWN: dict[str, dict[str, int]] = {
    "a call of a module": {"__init__.py": 1},
}


class Module:
    """A file of the package, parsed."""

    def __init__(self, path: Path, root: Path):
        self.file = path.relative_to(root).as_posix()
        parts = path.relative_to(root).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(("aidd", *(parts[:-1] if self.is_package else parts)))
        self.folder = parts[0] if len(parts) > 1 else ""
        text = path.read_text(encoding="utf-8")
        self.num_lines = len(text.splitlines())
        self.tree = ast.parse(text)
        self.docstrings = {
            id(node.body[0].value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }

    def functions(self) -> Iterator[ast.FunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def strings(self) -> Iterator[str]:
        """Every string that is no docstring; of one with values in it, its fixed parts."""
        return (
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in self.docstrings
        )


def modules(root: Path) -> dict[str, Module]:
    paths = (path for path in sorted(root.rglob("*.py")) if "pretrained" not in path.relative_to(root).parts)
    return {module.name: module for module in (Module(path, root) for path in paths)}


def imported(module: Module, known: dict[str, Module]) -> list[str]:
    """The package's modules that a module names in imports, lazy and typed ones too, once for each import."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "aidd"]
        elif isinstance(node, ast.ImportFrom):
            base = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
            parts = base[: len(base) - node.level + 1] if node.level else []
            source = ".".join([*parts, *([node.module] if node.module else [])])
            if source.split(".")[0] == "aidd":
                found += sorted({name if (name := f"{source}.{a.name}") in known else source for a in node.names})
    return found


def upward_imports(known: dict[str, Module]) -> Iterator[str]:
    for module in known.values():
        if not module.folder:
            continue
        for name in imported(module, known):
            # The version stands in `aidd/__init__`, which may name all; only what nothing is built on asks for it.
            folder = name.split(".")[1] if "." in name else None
            if folder == module.folder or (folder is None and module.folder == "cli"):
                continue
            if folder is None or LINE_OF[folder] >= LINE_OF[module.folder]:
                yield module.file


def circles(known: dict[str, Module]) -> list[list[str]]:
    """Strongly connected modules, by what they import from one another; a package's own files do not count as it."""
    arrows = {
        name: {one for one in imported(module, known) if one != name}
        for name, module in known.items()
        if module.folder
    }
    reached: dict[str, set[str]] = {}
    for name in arrows:
        seen, waiting = set(), [name]
        while waiting:
            for other in arrows.get(waiting.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        reached[name] = seen
    groups = {
        frozenset(other for other in seen if name in reached.get(other, ()))
        for name, seen in reached.items()
        if name in seen
    }
    return sorted(sorted(group) for group in groups)


def asserts(module: Module) -> Iterator[ast.AST]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Assert))


def stores_into_parameters(module: Module) -> Iterator[ast.AST]:
    """`parameter[...] = value` and the like, and in place on it as a whole; `self` is no parameter."""
    if module.folder == "splice":
        return
    for function in module.functions():
        arguments = function.args
        names = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)} - {"self", "cls"}
        # A name that is bound anew is another object.
        names -= {
            node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                target: ast.AST = node
                while isinstance(target, ast.Subscript):
                    target = target.value
                if isinstance(target, ast.Name) and target.id in names:
                    yield node


def calls_at_the_top(module: Module) -> Iterator[ast.AST]:
    for node in module.tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            registers = called == "register" and module.file == "pipelines/__init__.py"
            if not (registers or (called.startswith("Auto") and called.endswith(".register"))):
                yield node


def module_getattr(module: Module) -> Iterator[ast.AST]:
    if module.name == "aidd":
        return iter(())
    inside = {id(node) for one in ast.walk(module.tree) if isinstance(one, ast.ClassDef) for node in ast.walk(one)}
    return (node for node in module.functions() if node.name == "__getattr__" and id(node) not in inside)


def long_signatures(module: Module) -> Iterator[ast.AST]:
    for function in module.functions():
        arguments = function.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        number = len([name for name in names if name not in ("self", "cls")])
        is_call = module.folder == "pipelines" and function.name == "__call__"
        # A configuration is a signature.
        if number > MAX_PARAMETERS and not is_call and function.name != "__init__":
            yield function


def private_attributes(known: dict[str, Module]) -> Iterator[str]:
    """Attributes with an underscore of others than `self`, where a class of the package has one of that name."""
    ours = {
        name
        for module in known.values()
        for one in ast.walk(module.tree)
        if isinstance(one, ast.ClassDef)
        for node in ast.walk(one)
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef)
            else [node.attr]
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            else []
        )
        if name.startswith("_") and not name.endswith("__")
    }
    for module in known.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ours:
                owner = ast.unparse(node.value)
                if owner not in ("self", "cls", "super()"):
                    yield module.file


def soundfile_elsewhere(module: Module) -> Iterator[ast.AST]:
    if module.folder == "signals":
        return
    for node in ast.walk(module.tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if "soundfile" in names or (isinstance(node, ast.ImportFrom) and node.module == "soundfile"):
            yield node


def lists_of_methods(module: Module) -> Iterator[ast.AST]:
    if module.folder == "repair" or module.file.startswith("evaluation/methods/"):
        return
    public = {
        id(node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict) and id(node) not in public:
            items = [*node.keys, *node.values] if isinstance(node, ast.Dict) else node.elts
            named = {one.value for one in items if isinstance(one, ast.Constant)}
            if len(named & METHODS) > 1:
                yield node


def options_in_messages(module: Module) -> Iterator[str]:
    where_they_are = module.folder == "cli" or module.file.startswith("training/runs/")
    if where_they_are or module.file.split("/")[-1].startswith("convert_") or module.file == "models/checkpoint_io.py":
        return
    for text in module.strings():
        if any(word.startswith("--") and word[2:3].isalpha() for word in text.replace("`", " ").split()):
            yield text


def hash_calls(module: Module) -> Iterator[ast.AST]:
    return (
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hash"
    )


def silenced_warnings(known: dict[str, Module]) -> Iterator[str]:
    """Filters whose pattern of a message is that of a warning of the package's own."""
    calls = [
        (module.file, node)
        for module in known.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
    ]
    warned = ["".join(parts_of(node.args[0])) for _, node in calls if ast.unparse(node.func) in WARNING]
    for file, node in calls:
        if ast.unparse(node.func) == "warnings.filterwarnings":
            patterns = [keyword.value for keyword in node.keywords if keyword.arg == "message"] + node.args[1:2]
            if any(re.match("".join(parts_of(pattern)), text) for pattern in patterns for text in warned):
                yield file


def parts_of(text: ast.expr) -> list[str]:
    """The parts of a string; a number for each value in it."""
    values = text.values if isinstance(text, ast.JoinedStr) else [text]
    return [one.value if isinstance(one, ast.Constant) else "1" for one in values]


def long_files(module: Module) -> Iterator[Module]:
    if module.num_lines > (MAX_PIPELINE_LINES if module.folder == "pipelines" else MAX_LINES):
        yield module


# By module; the rules over the whole tree are in `found_in`.
RULES: dict[str, Callable[[Module], Iterator]] = {
    "assert": asserts,
    "a store into a parameter's subscript outside splice": stores_into_parameters,
    "a call of a module": calls_at_the_top,
    "__getattr__ of a module": module_getattr,
    "more than ten parameters": long_signatures,
    "soundfile outside signals": soundfile_elsewhere,
    "two names of methods in one literal": lists_of_methods,
    "an option in a message": options_in_messages,
    "hash": hash_calls,
    "a long file": long_files,
}


def found_in(root: Path) -> dict[str, dict[str, int]]:
    """By rule: files, and how often each breaks it."""
    known = modules(root)
    found = {"an import against the layers": Counter(upward_imports(known))}
    found["a circle"] = Counter(" ".join(group) for group in circles(known))
    found["a private attribute of another"] = Counter(private_attributes(known))
    found["a warning of ours silenced by its text"] = Counter(silenced_warnings(known))
    for rule, look in RULES.items():
        found[rule] = Counter(module.file for module in known.values() for _ in look(module))
    return {rule: dict(sorted(files.items())) for rule, files in found.items() if files}


def test_every_folder_has_a_line():
    folders = {module.folder for module in modules(SOURCE).values() if module.folder}
    assert folders == LINE_OF.keys()
    # Nothing but the public names stands at the top.
    assert [module.file for module in modules(SOURCE).values() if not module.folder] == ["__init__.py"]


def test_the_package_breaks_no_rule_but_where_it_is_known():
    assert found_in(SOURCE) == KNOWN


GOOD = {
    "__init__.py": "from .cli import main\n\ndef __getattr__(name): ...\n",
    "signals/files.py": "import soundfile\n",
    "masks/__init__.py": "from .gaps import find\n",
    "masks/gaps.py": "from ..signals import files\n",
    "splice/contract.py": "def write(audio, mask):\n    audio[mask] = 0\n    warnings.warn(f'{1}% are missing')\n",
    "classical/linear.py": "def f(x):\n    from ..masks import find\n    y = x.copy()\n    y[0] = 1\n",
    "classical/other.py": "def f(x):\n    x = x + 1\n    x[0] = 2\n    warnings.filterwarnings('ignore', 'theirs')\n",
    "pipelines/__init__.py": "register(())\n",
    "pipelines/one.py": f"class P:\n    def __call__(self, {', '.join('abcdefghijkl')}):\n        self._x = 1\n",
    "repair/methods.py": "METHODS = ('linear', 'sparse')\n",
    "cli/__init__.py": "",
    "cli/main.py": "from .. import __version__\nTEXT = '--gap'\n",
}
BAD = {
    "an import against the layers": [
        ("signals/up.py", "from ..masks.gaps import find\n"),
        ("signals/lazy.py", "def f():\n    import aidd.repair.methods\n"),
        ("masks/typed.py", "if TYPE_CHECKING:\n    from ..splice import contract\n"),
        ("detection/neighbour.py", "from ..classical.linear import f\n"),
        ("repair/top.py", "from .. import __version__\n"),
    ],
    "a circle": [("masks/other.py", "from . import third\n")],
    "assert": [("masks/a.py", "def f(x):\n    assert x\n")],
    "a store into a parameter's subscript outside splice": [("repair/a.py", "def f(x):\n    x[0][1:] += 1\n")],
    "a call of a module": [("models/a.py", "install()\n")],
    "__getattr__ of a module": [("masks/a.py", "if True:\n    def __getattr__(name): ...\n")],
    "more than ten parameters": [("pipelines/a.py", f"def f({', '.join('abcdefghij')}, *, k): ...\n")],
    "a private attribute of another": [("pipelines/a.py", "def f(pipe):\n    return pipe._x\n")],
    "soundfile outside signals": [("repair/a.py", "def f():\n    import soundfile as sf\n")],
    "two names of methods in one literal": [("pipelines/a.py", "X = {'aidd': 1, 'auto': 2}\n")],
    "an option in a message": [("repair/a.py", "def f(x):\n    raise ValueError(f'{x}: choose --subtype FLOAT')\n")],
    "hash": [("training/a.py", "seed = hash((1, 2))\n")],
    "a warning of ours silenced by its text": [
        ("repair/a.py", "def f():\n    warnings.filterwarnings('ignore', message='.* are missing')\n")
    ],
    "a long file": [("pipelines/a.py", "\n" * 251), ("masks/a.py", "\n" * 351)],
}
# What else is there, with the one above.
BESIDE = {"masks/third.py": "from .other import x\n"}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_what_is_right_passes(tmp_path):
    assert found_in(written(tmp_path, GOOD)) == {}


@pytest.mark.parametrize(("rule", "file", "text"), [(rule, *case) for rule, cases in BAD.items() for case in cases])
def test_what_is_wrong_is_found(tmp_path, rule, file, text):
    files = GOOD | {file: text} | (BESIDE if rule == "a circle" else {})
    found = found_in(written(tmp_path, files))
    assert found == {rule: {"aidd.masks.other aidd.masks.third" if rule == "a circle" else file: 1}}


def test_every_rule_is_tried():
    whole = {"an import against the layers", "a circle", "a private attribute of another"}
    assert BAD.keys() == {*RULES, *whole, "a warning of ours silenced by its text"}


def test_what_is_mended_is_another_list(tmp_path):
    """Where a file breaks a rule less often than is known, or more often, the comparison above fails."""
    file, text = BAD["assert"][0]
    counts = [found_in(written(tmp_path / str(n), GOOD | {file: text * n})).get("assert", {}) for n in range(3)]
    assert counts == [{}, {file: 1}, {file: 2}]
