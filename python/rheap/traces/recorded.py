"""The process that `rheap record` becomes: it records a program and runs it as Python alone would.

A fresh interpreter runs this file as a script. What the program finds in the interpreter then is
what it would find without us (modules, arguments, path, `__main__`, warning filters, signal
handlers), and `rheap._core` besides. So nothing is imported here that stays imported, and what
Python gives to a script is kept from the first line on.
"""

# ruff: noqa: E402, SIM105

given = dict(globals())

import sys

modules_before = set(sys.modules)

import atexit
import builtins
import io
import os
from _frozen_importlib import BuiltinImporter, ModuleSpec, module_from_spec
from _frozen_importlib_external import (
    MAGIC_NUMBER,
    ExtensionFileLoader,
    SourceFileLoader,
    SourcelessFileLoader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType
    from typing import Any

_PYC_HEADER = 16  # bytes


def _main() -> None:
    core_path, descriptor, times, sites, path, whole_path, packed, count, *rest = sys.argv[1:]
    options, (kind, target, *arguments) = rest[: int(count)], rest[int(count) :]
    core = _load_core(core_path)
    places = sys.path[not sys.flags.safe_path :]
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of this file
    written, run = _KINDS[kind](target)
    sys.orig_argv[:] = [sys.orig_argv[0], *options, *written, *arguments]
    sys.argv[:] = [written[0], *arguments]
    _start(core, int(descriptor), times == "1", sites == "1")
    _finish_at_exit(core, places, (path, whole_path, packed == "1"))
    for name in set(sys.modules) - modules_before - {"rheap._core"}:
        del sys.modules[name]
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        _ended_by.append(type(error))
        sys.excepthook = _without_our_frames(sys.excepthook)
        raise


# Without an annotation: `__annotations__` is one of the things given to the program.
_ended_by = []  # type: ignore[var-annotated]


# --- recording ------------------------------------------------------------------------------------


def _load_core(path: str) -> "Any":
    """The compiled module without its package, which a program that imports rheap then finds."""
    loader = ExtensionFileLoader("rheap._core", path)
    core = module_from_spec(ModuleSpec("rheap._core", loader, origin=path))
    sys.modules["rheap._core"] = core
    loader.exec_module(core)
    return core


def _start(core: "Any", descriptor: int, times: bool, sites: bool) -> None:
    """Starts the recording beneath tracemalloc: what that finds when it stops, it puts back."""
    import _tracemalloc

    traced = _tracemalloc.is_tracing()
    limit = _tracemalloc.get_traceback_limit()
    _tracemalloc.stop()
    os.set_inheritable(descriptor, False)  # it was, to come here; what the program starts has none
    core.start_recording(descriptor, times, sites)
    if traced:
        _tracemalloc.start(limit)


def _finish_at_exit(core: "Any", path: list[str], trace: tuple[str, str, bool]) -> None:
    """Registered first, so it runs last: after the program's threads and its own exit functions."""
    process = os.getpid()
    finders, hooks = sys.meta_path[:], sys.path_hooks[:]

    def finish() -> None:
        if os.getpid() != process:  # a forked child
            return
        figures = core.stop_recording()
        # The program is over; what it did to the ways of importing must not be in ours.
        sys.path[:], sys.meta_path[:], sys.path_hooks[:] = path, finders, hooks
        for name in [name for name, module in sys.modules.items() if module is None]:
            del sys.modules[name]
        from rheap.traces import finishing

        finishing.finish(figures, *trace)
        if _ended_by == [KeyboardInterrupt]:
            # Python ends by the signal if the last code it ran at top level was interrupted, and
            # what was imported here ran some.
            try:
                exec("raise KeyboardInterrupt")
            except KeyboardInterrupt:
                pass

    atexit.register(finish)


# --- ways to start --------------------------------------------------------------------------------
# Each returns the words that name the program on a command line, and what runs it.


def _script(path: str) -> "tuple[list[str], Callable[[], None]]":
    named = os.path.join(os.getcwd(), path)
    with io.open_code(named) as file:
        text = file.read()
    compiled = path.endswith(".pyc") or text.startswith(MAGIC_NUMBER)
    loader = (SourcelessFileLoader if compiled else SourceFileLoader)("__main__", named)
    _put_first_in_path(os.path.dirname(os.path.realpath(path)))

    def run() -> None:
        names = _new_main({"__file__": named, "__loader__": loader})
        exec(_unmarshalled(text) if compiled else _compiled(text, named), names)

    return [path], run


def _container(path: str) -> "tuple[list[str], Callable[[], None]]":
    """A folder or a zip archive with a `__main__`."""
    named = os.path.join(os.getcwd(), path)
    sys.path.insert(0, named)
    return [path], lambda: _run_module("__main__", alter_argv=False)


def _module(name: str) -> "tuple[list[str], Callable[[], None]]":
    _put_first_in_path(os.getcwd())
    return ["-m", name], lambda: _run_module(name, alter_argv=True)


def _code(source: str) -> "tuple[list[str], Callable[[], None]]":
    _put_first_in_path("")
    text = source + "\n"
    if sys.version_info >= (3, 14):
        import textwrap

        text = textwrap.dedent(text)

    def run() -> None:
        names = _new_main({})
        code = _compiled(text, "<string>")
        if sys.version_info >= (3, 13):  # which shows the lines of such code in tracebacks
            import linecache

            key = code if hasattr(linecache, "_interactive_cache") else "<string>"  # 3.13.0 has not
            linecache._register_code(key, text, "<string>")  # type: ignore[attr-defined]
        exec(code, names)

    return ["-c", source], run


def _input(_: str) -> "tuple[list[str], Callable[[], None]]":
    _put_first_in_path("")

    def run() -> None:
        exec(_compiled(sys.stdin.buffer.read(), "<stdin>"), _new_main({"__file__": "<stdin>"}))

    return ["-"], run


_KINDS = {
    "script": _script,
    "container": _container,
    "module": _module,
    "code": _code,
    "input": _input,
}


def _put_first_in_path(folder: str) -> None:
    if not sys.flags.safe_path:  # then that place is not the program's
        sys.path.insert(0, folder)


def _new_main(attributes: "dict[str, Any]") -> "dict[str, Any]":
    """A module `__main__` as Python makes it; returns its names."""
    kind: type[ModuleType] = type(sys)
    main = kind("__main__")
    names = vars(main)
    names.clear()
    names.update(given, __doc__=None, __loader__=BuiltinImporter, __builtins__=builtins)
    if "__file__" not in attributes:
        for name in ("__file__", "__cached__"):
            names.pop(name, None)
    names.update(attributes)
    sys.modules["__main__"] = main
    return names


def _run_module(name: str, alter_argv: bool) -> None:
    """As Python does for `-m` and for what has a `__main__`."""
    _new_main({})
    import runpy

    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]


def _compiled(source: str | bytes, file: str) -> "Any":
    return compile(source, file, "exec", dont_inherit=True)


def _unmarshalled(text: bytes) -> "Any":
    import marshal

    if not text.startswith(MAGIC_NUMBER):
        raise RuntimeError("Bad magic number in .pyc file")
    return marshal.loads(text[_PYC_HEADER:])


def _without_our_frames(hook: "Callable[..., Any]") -> "Callable[..., None]":
    ours = globals()

    def show(
        kind: type[BaseException], error: BaseException, trace: "TracebackType | None"
    ) -> None:
        while trace is not None and trace.tb_frame.f_globals is ours:
            trace = trace.tb_next
        hook(kind, error.with_traceback(trace), trace)

    return show


if __name__ == "__main__":
    _main()
