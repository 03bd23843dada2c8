"""The source as data: every module of ours, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "providers", "storage")


@dataclass(frozen=True, slots=True)
class Module:
    """One file."""

    name: str
    path: Path
    tree: ast.Module

    def walk(self) -> Iterator[ast.AST]:
        """Yield every node of the file."""
        return ast.walk(self.tree)

    def attributes(self) -> Iterator[str]:
        """Yield every dotted name that is read, like `os.environ`."""
        for node in self.walk():
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield f"{node.value.id}.{node.attr}"

    def imports(self) -> Iterator[str]:
        """Yield every module that is imported, and every name from one, wherever in the file."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def needs(self, known: Collection[str]) -> set[str]:
        """Return those of these modules that are imported at the top; a package stands for its own names only."""
        found = set()
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = (f"{node.module}.{alias.name}" for alias in node.names)
                found |= {name if name in known else node.module for name in whole}
        return found & set(known)


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    (name := _name(path)): Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
PROVIDER_FILES = [MODULES[_name(path)] for path in sorted((ROOT / "providers").glob("*.py")) if path.stem != "__init__"]
