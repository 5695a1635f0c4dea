"""Which of CPython's test modules each cut of the suite runs."""

from __future__ import annotations

QUICK = (
    "test_grammar",
    "test_opcodes",
    "test_generators",
    "test_raise",
    "test_with",
    "test_patma",
    "test_scope",
    "test_sys_settrace",
    "test_class",
    "test_traceback",
)
"""For `make test`: a few minutes on two cores, a module or two of each kind."""

LANGUAGE = (
    *QUICK,
    "test_builtin",
    "test_coroutines",
    "test_asyncgen",
    "test_exceptions",
    "test_exception_group",
    "test_except_star",
    "test_descr",
    "test_functools",
    "test_call",
    "test_dict",
    "test_list",
    "test_int",
    "test_float",
    "test_sys_setprofile",
    "test_monitoring",
    "test_frame",
    "test_gc",
    "test_weakref",
    "test_threading",
    "test_signal",
    "test_fork1",
    "test_asyncio.test_tasks",
    "test_asyncio.test_futures",
    "test_asyncio.test_locks",
    "test_asyncio.test_queues",
    "test_asyncio.test_taskgroups",
    "test_asyncio.test_timeouts",
)
"""Every part of the language that compiled code has to get right."""

PACKAGES = ("test_asyncio", "test_concurrent_futures", "test_ctypes", "test_gdb", "test_future_stmt")
"""Folders of tests that `--full` runs file by file."""


def everything() -> tuple[str, ...]:
    """All test modules of the running interpreter, large packages split."""
    from pathlib import Path

    import test

    found: list[str] = []
    for root in map(Path, test.__path__):
        for path in sorted(root.glob("test_*")):
            if path.name in PACKAGES:
                found += [f"{path.name}.{inner.stem}" for inner in sorted(path.glob("test_*.py"))]
            elif path.suffix == ".py" or (path / "__init__.py").exists():
                found.append(path.stem)
    return tuple(found)
