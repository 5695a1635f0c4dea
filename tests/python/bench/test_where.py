"""Where time goes: what profilers print is read, and every place belongs to a category."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bench import where
from bench.where import Place, Profile

PERF = """
# Samples: 3K of event 'cpu-clock'
# Samples;Shared Object;Symbol
        1200;[JIT] tid 17;[.] whipsnake:baseline:work:/x/bench/micro/fib.py
         300;[JIT] tid 17;[.] whipsnake:entry_of_shape
         100;_core.cpython-313-x86_64-linux-gnu.so;[.] whipsnake::op_binary_op(_ts*, _object**, long)
          50;libpython3.13.so.1.0;[.] _PyEval_EvalFrameDefault
          40;[kernel.kallsyms];[k] clear_page_erms
"""
CALLGRIND = """
353,002,630 (100.0%)  PROGRAM TOTALS

14,343,291 ( 4.06%)  ???:0x00000000054ba170 [???]
12,492,606 ( 3.54%)  ???:0x00000000054bbc60'2 [???]
10,180,932 ( 2.88%)  /x/frames.cpp:whipsnake::enter_compiled(long)'2 [/y/_core.cpython-313-x86_64-linux-gnu.so]
 7,112,749 ( 2.01%)  Python/generated_cases.c.h:_PyEval_EvalFrameDefault'2
 4,050,958 ( 1.15%)  Python/ceval.c:_PyEval_EvalFrameDefault [/usr/lib/libpython3.13.so.1.0]
"""


def test_perf_is_read() -> None:
    found = where.read_perf(PERF)
    assert found[Place("whipsnake:entry_of_shape", "")] == 300
    assert [place.category for place in found] == [
        where.MACHINE_CODE,
        where.SHARED_CODE,
        where.HELPERS,
        where.INTERPRETER,
        where.KERNEL,
    ]


def test_callgrind_is_read() -> None:
    found = where.read_callgrind(CALLGRIND)
    assert found[where.UNNAMED] == 14_343_291 + 12_492_606
    assert found[Place("_PyEval_EvalFrameDefault", "libpython3.13.so.1.0")] == 7_112_749 + 4_050_958
    assert [place.category for place in found] == [where.MACHINE_CODE, where.HELPERS, where.INTERPRETER]


@pytest.mark.parametrize(
    ("name", "library", "category"),
    [
        ("_PyObject_Malloc", "libpython3.13.so.1.0", where.ALLOCATOR),
        ("_PyObject_Free", "python3.13", where.ALLOCATOR),
        ("cfree@GLIBC_2.2.5", "libc.so.6", where.ALLOCATOR),
        ("_int_malloc", "libc-2.36.so", where.ALLOCATOR),
        ("__memset_avx2_unaligned_erms", "libc.so.6", where.LIBRARY),
        ("__tls_get_addr", "ld-linux-x86-64.so.2", where.LIBRARY),
        ("gc_collect_main", "libpython3.13.so.1.0", where.COLLECTOR),
        ("dict_traverse", "libpython3.13.so.1.0", where.COLLECTOR),
        ("PyObject_GC_Del", "libpython3.13.so.1.0", where.CPYTHON),
        ("_PyEval_EvalFrameDefault.cold", "python3", where.INTERPRETER),
        ("sha256_block", "_hashlib.cpython-313-x86_64-linux-gnu.so", where.EXTENSIONS),
        ("0x00007f", "[unknown]", where.UNKNOWN),
    ],
)
def test_categories(name: str, library: str, category: str) -> None:
    assert Place(name, library).category == category


def test_shares_are_shown_as_time() -> None:
    plain = Profile(
        Counter({Place("_PyEval_EvalFrameDefault", "python3"): 3, Place("x", "python3"): 1}), 4e-3
    )
    jit = Profile(Counter({where.UNNAMED: 1, Place("x", "python3"): 1}), 2e-3)
    lines = where.side_by_side(plain, jit)
    assert lines[1] == [where.MACHINE_CODE, "-", "", "1 ms", "50.0%", ""]
    assert lines[2] == [where.INTERPRETER, "3 ms", "75.0%", "-", "", ""]
    assert lines[3] == [where.CPYTHON, "1 ms", "25.0%", "1 ms", "50.0%", ""]
    assert lines[4][-1] == "ratio 2.000 under the profiler"
    assert where.top(plain, 1)[1] == [
        where.INTERPRETER,
        "75.0%",
        "3 ms",
        "_PyEval_EvalFrameDefault [python3]",
    ]


@pytest.mark.skipif(shutil.which("callgrind_annotate") is None, reason="valgrind is not installed")
def test_callgrind_prints_what_is_read(tmp_path: Path) -> None:
    data = f"{tmp_path}/data"
    command = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={data}",
        sys.executable,
        "-S",
        "-c",
        "pass",
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    printed = where.output(["callgrind_annotate", "--threshold=100", "--auto=no", data])
    found = Profile(where.read_callgrind(printed), 1.0)
    assert sum(found.categories().values()) == pytest.approx(1.0)
    assert found.categories()[where.UNKNOWN] < 0.2


def test_nothing_to_profile(tmp_path: Path) -> None:
    assert where.main(["nonesuch", "--python", "/nonexistent", "--build", str(tmp_path)]) == 2
