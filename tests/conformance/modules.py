"""Which of CPython's test modules each cut of the suite runs."""

from __future__ import annotations

#: A cut for `make test`: a few minutes on two cores, one module or two of each kind.
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

#: Every part of the language that compiled code has to get right.
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

CUTS = {"quick": QUICK, "language": LANGUAGE}
