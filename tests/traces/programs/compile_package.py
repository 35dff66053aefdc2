"""Compiles a package of the standard library from source, as an installer does."""

import ast
import importlib.util
import marshal
from pathlib import Path


def main():
    folder = Path(importlib.util.find_spec("sqlite3").origin).parent
    code_bytes = 0
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_bytes())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        code = marshal.dumps(compile(tree, path.name, "exec"))
        code_bytes += len(code) + len(names)
    print(code_bytes)


main()
