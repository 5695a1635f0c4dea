"""A stand-in for the extension module ``whipsnake._core``: the same functions, no machine code.

It is used in two ways: in this process, through the fixture ``fake``; and as ``whipsnake/_core.py`` of a
throw-away environment, where the variables FAKE_CORE_* steer it.
"""

import os

_unsupported = os.environ.get("FAKE_CORE_UNSUPPORTED")
_build = {"jit": True}
if os.environ.get("FAKE_CORE_OFF"):
    _unsupported = "this build of Whipsnake has no machine-code generation (WHIPSNAKE_JIT=OFF)"
    _build = {"jit": False, "reason": _unsupported}

_engines = ["baseline"]
_enabled = None
_marks = {}
calls = []


def supported():
    return (False, _unsupported) if _unsupported else (True, "")


def enable(options):
    global _enabled
    if _unsupported:
        raise RuntimeError(_unsupported)
    if options["engine"] not in _engines:
        raise ValueError(options["engine"])
    _enabled = dict(options)
    log = os.environ.get("FAKE_CORE_LOG")
    if log:
        import json

        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(options) + "\n")


def settings():
    return dict(_enabled or {})


def disable():
    global _enabled
    _enabled = None


def is_enabled():
    return _enabled is not None


def compile(func):
    calls.append(("compile", func))
    return _marks.get(func) != "nojit"


def tier(func):
    return "disabled" if _marks.get(func) == "nojit" else "interpreter"


def mark(func, how):
    _marks[func] = how
    calls.append(("mark", func, how))


def why(func):
    return "it is a fake" if _marks.get(func) == "nojit" else None


def exits(func):
    return {"type": 1}


def stats():
    return {
        "enabled": is_enabled(),
        "engine": _enabled["engine"] if _enabled else "off",
        "functions_compiled": 12,
        "functions_declined": {"too large": 1, "generator": 20},
        "compile_ns": 1_234_567,
        "code_bytes": 65536,
        "code_bytes_peak": 131072,
        "cache_hits": 1_000_000,
        "cache_misses": 3,
        "exits": {},
    }


def opcodes():
    return [
        {
            "number": 1,
            "name": "CACHE",
            "handled": False,
            "reason": "never run",
            "specializes": None,
            "caches": 0,
        },
        {"number": 45, "name": "BINARY_OP", "handled": True, "reason": "", "specializes": None, "caches": 1},
        {
            "number": 150,
            "name": "BINARY_OP_ADD_INT",
            "handled": True,
            "reason": "",
            "specializes": "BINARY_OP",
            "caches": 1,
        },
    ]


def engines():
    return list(_engines)


def register_engine(capsule):
    if not isinstance(capsule, str):
        raise TypeError("not an engine's capsule")
    _engines.append(capsule)
    return capsule


def measure_compile(code):
    count = len(code.co_code) // 2
    if code.co_name == "declined":
        return {"instructions": count, "nanoseconds": 10, "bytes": 0, "declined": "its name"}
    return {"instructions": count, "nanoseconds": count * 500, "bytes": count * 20, "declined": None}


def build_info():
    return dict(_build)
