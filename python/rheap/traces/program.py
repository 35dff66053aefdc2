"""Runs a Python program in this process as `python PROGRAM.py` and `python -m MODULE` do."""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any


class ProgramNotFoundError(Exception):
    """There is no such program. `status`: what Python exits with then."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class Program:
    """A program that has been found and not started.

    `name`: of its file without the suffix, or of its module.
    """

    def __init__(
        self,
        name: str,
        folder: str,
        argv: list[str],
        attributes: dict[str, Any],
        load: Callable[[], CodeType],
    ) -> None:
        self.name = name
        self._folder = folder
        self._argv = argv
        self._attributes = attributes
        self._load = load

    @classmethod
    def script(cls, path: str, arguments: list[str]) -> Program:
        """The program in a file of Python source. Raises `ProgramNotFoundError`."""
        named = os.path.join(os.getcwd(), path)
        try:
            with io.open_code(named) as file:
                source = file.read()
        except IsADirectoryError:
            raise ProgramNotFoundError(
                f"{path!r} is a directory and no file of source", 1
            ) from None
        except OSError as error:
            reason = f"[Errno {error.errno}] {error.strerror}"
            raise ProgramNotFoundError(f"can't open file {named!r}: {reason}", 2) from None
        whole = os.path.abspath(path)
        attributes = {
            "__file__": whole,
            "__loader__": SourceFileLoader("__main__", whole),
            "__package__": None,
            "__spec__": None,
            "__cached__": None,
        }
        return cls(
            Path(path).stem,
            os.path.dirname(os.path.realpath(whole)),
            [path, *arguments],
            attributes,
            lambda: compile(source, whole, "exec", dont_inherit=True),
        )

    @classmethod
    def module(cls, name: str, arguments: list[str]) -> Program:
        """A module, or a package's `__main__`. Raises `ProgramNotFoundError`."""
        folder = os.getcwd()
        _set_first_of_path(folder)
        spec = _find(name)
        assert spec.loader is not None and spec.origin is not None
        attributes = {
            "__file__": spec.origin,
            "__loader__": spec.loader,
            "__package__": spec.parent,
            "__spec__": spec,
            "__cached__": spec.cached,
        }
        return cls(name, folder, [spec.origin, *arguments], attributes, lambda: _code_of(spec))

    def run(self) -> None:
        """Runs it to its end. Its exceptions pass, their tracebacks without the frames of rheap."""
        main = ModuleType("__main__")
        vars(main).update(self._attributes, __builtins__=builtins, __annotations__={})
        sys.modules["__main__"] = main
        sys.argv[:] = self._argv
        _set_first_of_path(self._folder)
        try:
            exec(self._load(), vars(main))
        except SystemExit:
            raise
        except BaseException:
            sys.excepthook = _without_our_frames(sys.excepthook, vars(main))
            raise


def _set_first_of_path(folder: str) -> None:
    if not sys.flags.safe_path:  # then that place is not the program's
        sys.path[0] = folder


def _find(name: str) -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        # `find_spec` imports the package before the last dot; its own errors belong to the program.
        missing = getattr(error, "name", None) or ""
        if isinstance(error, ImportError) and not f"{name}.".startswith(f"{missing}."):
            raise
        raise ProgramNotFoundError(
            f"Error while finding module specification for {name!r} "
            f"({type(error).__name__}: {error})",
            1,
        ) from None
    if spec is None:
        raise ProgramNotFoundError(f"No module named {name}", 1)
    if spec.submodule_search_locations is None:
        return spec
    try:
        return _find(f"{name}.__main__")
    except ProgramNotFoundError as error:
        raise ProgramNotFoundError(
            f"{error}; {name!r} is a package and cannot be directly executed", error.status
        ) from None


def _code_of(spec: ModuleSpec) -> CodeType:
    code = spec.loader.get_code(spec.name) if isinstance(spec.loader, InspectLoader) else None
    if code is None:
        raise ImportError(f"No code object available for {spec.name}")
    return code


def _without_our_frames(hook: Callable[..., Any], main: dict[str, Any]) -> Callable[..., None]:
    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        while trace is not None and trace.tb_frame.f_globals is not main:
            trace = trace.tb_next
        hook(kind, error.with_traceback(trace), trace)

    return show
