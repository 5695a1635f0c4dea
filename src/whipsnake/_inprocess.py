# (A comment, because the flag -x makes the interpreter skip this line.)
"""Runs a program in an interpreter that reads no PYTHONPATH or ``sitecustomize`` (``-E``, ``-I``, ``-S``).

The command ``whipsnake`` starts the interpreter with this file as its script and the program behind it (see
``_launch.py``). The file imports itself as a module, and the program gets ``__main__``, which is made to look
as CPython makes it (3.13 Modules/main.c, pymain_run_python; Python/pythonrun.c, _PyRun_SimpleFileObject).
Exceptions simply leave it: CPython itself handles SystemExit, KeyboardInterrupt, ``-i`` and the order of
shut-down. Only the frames of this file are cut off a traceback on its way to ``sys.excepthook``. What a
program can still see is that there are frames below its own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, NoReturn


def run(script: str) -> None:
    """Enable Whipsnake and run the program that the command line names.

    Args:
        script: this file's path as the command line has it.
    """
    from whipsnake._autoload import start_launched

    from ._launch import leading_flags, letters

    arguments = sys.argv[1:]
    place = len(sys.orig_argv) - len(arguments) - 1
    skip_line = "x" in letters(sys.orig_argv[1:place])
    flags = leading_flags(arguments)
    del sys.orig_argv[place - len(flags) : place + 1]
    if flags:
        arguments[0] = "-" + arguments[0][len(flags[0]) :]
    start_launched()
    try:
        _run(arguments, skip_line)
    except SystemExit:
        raise
    except BaseException:
        _hide_frames({script, _run.__code__.co_filename})
        raise


def _run(arguments: list[str], skip_line: bool) -> None:
    if arguments[:1] == ["--"]:
        del arguments[0]
    names = _fresh_main()
    program = arguments[0] if arguments else "-"
    if program.startswith("-c"):
        _run_command(program, arguments, names)
    elif program.startswith("-m"):
        _run_module(program, arguments)
    elif program == "-":
        _run_stdin(arguments, names)
    else:
        _run_file(program, arguments, names, skip_line)


def _fresh_main() -> dict[str, Any]:
    """``__main__``'s names, as they are before a program starts."""
    import builtins
    from importlib.machinery import BuiltinImporter

    names = sys.modules["__main__"].__dict__
    names.clear()
    names.update(
        __name__="__main__",
        __doc__=None,
        __package__=None,
        __loader__=BuiltinImporter,
        __spec__=None,
        __annotations__={},
        __builtins__=builtins,
    )
    return names


def _operand(program: str, arguments: list[str]) -> str:
    """The text after ``-c`` or ``-m``; sets ``sys.argv``."""
    option, text = program[:2], program[2:]
    if not text:
        if len(arguments) < 2:
            print(f"Argument expected for the {option} option", file=sys.stderr)
            sys.exit(2)
        del arguments[0]
        text = arguments[0]
    sys.argv[:] = [option, *arguments[1:]]
    return text


def _run_command(program: str, arguments: list[str], names: dict[str, Any]) -> None:
    command = _operand(program, arguments)
    _add_path("")
    sys.audit("cpython.run_command", command)
    code = _compile(command, "<string>")
    _register_source(code, command)
    exec(code, names)


def _run_module(program: str, arguments: list[str]) -> None:
    module = _operand(program, arguments)
    _add_path(os.getcwd())
    sys.audit("cpython.run_module", module)
    from runpy import _run_module_as_main  # type: ignore[attr-defined]

    _run_module_as_main(module)


def _run_stdin(arguments: list[str], names: dict[str, Any]) -> None:
    sys.argv[:] = arguments or [""]
    _add_path("")
    sys.audit("cpython.run_stdin")
    if os.isatty(0):
        from code import interact

        interact(local=names, exitmsg="")
        return
    names.update(__file__="<stdin>", __cached__=None)
    try:
        exec(_compile(sys.stdin.buffer.read(), "<stdin>"), names)
    finally:
        names.pop("__file__", None)
        names.pop("__cached__", None)


def _run_file(program: str, arguments: list[str], names: dict[str, Any], skip_line: bool) -> None:
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader
    from importlib.util import MAGIC_NUMBER
    from pkgutil import get_importer

    sys.argv[:] = arguments
    path = program if os.path.isabs(program) else os.path.join(os.getcwd(), program.removeprefix("./"))
    if get_importer(path) is not None:  # a folder or an archive with a __main__ module
        sys.path.insert(0, path)
        from runpy import _run_module_as_main  # type: ignore[attr-defined]

        _run_module_as_main("__main__", False)
        return
    _add_path(os.path.dirname(os.path.realpath(program)))
    sys.audit("cpython.run_file", path)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        _refuse(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    names.update(__file__=path, __cached__=None)
    try:
        if path.endswith(".pyc") or source[:2] == MAGIC_NUMBER[:2]:
            loader = names["__loader__"] = SourcelessFileLoader("__main__", path)
            code = loader.get_code("__main__")
            assert code is not None
        else:
            names["__loader__"] = SourceFileLoader("__main__", path)
            if skip_line:
                source = b"\n" + source.partition(b"\n")[2]
            code = _compile(source, path)
        exec(code, names)
    finally:
        names.pop("__file__", None)
        names.pop("__cached__", None)


def _refuse(message: str) -> NoReturn:
    print(f"{sys.orig_argv[0]}: {message}", file=sys.stderr)
    sys.exit(2)


def _compile(source: str | bytes, name: str) -> CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def _register_source(code: CodeType, source: str) -> None:
    """Let tracebacks show lines of ``-c`` code, as CPython does from 3.13 on."""
    import linecache

    register = getattr(linecache, "_register_code", None)
    if register is not None:
        # 3.13.0 Lib/linecache.py has the file name as the key, later ones the code object.
        register(
            code if hasattr(linecache, "_interactive_cache") else code.co_filename, source, code.co_filename
        )


def _add_path(path: str) -> None:
    if not sys.flags.safe_path:
        sys.path.insert(0, path)


def _hide_frames(files: set[str]) -> None:
    """Let the present ``sys.excepthook``, which CPython is about to call, not see the frames of *files* at
    the start."""
    hook = sys.excepthook

    def once(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = hook
        while traceback is not None and traceback.tb_frame.f_code.co_filename in files:
            traceback = traceback.tb_next
        sys.last_traceback = traceback
        hook(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = once


def _main() -> None:
    """Import this file as a module and let it run the program, because ``__main__`` is to be the
    program's."""
    parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path:
        del sys.path[0]  # this file's folder
    sys.path.insert(0, parent)
    from whipsnake._inprocess import run

    sys.path.remove(parent)
    run(__file__)


if __name__ == "__main__":
    _main()
