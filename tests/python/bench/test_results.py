"""Files of results: written, read, and handed to pyperf."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyperf
import pytest
from bench import measure, results, table
from bench.catalogue import Item
from bench.environment import Environment, Interpreter, SetupError
from bench.measure import Part, Row, Run, Side
from bench.results import Results


def some_results() -> Results:
    part = Part(Item("fib", "micro", Path("fib.py"), ("-x",), "calls"), "fib", None, 3, 1, 2)
    plain = Run(Side.PLAIN, [2.0, 2.5], [9.0], 10.0, "abc", "def", 2048)
    jit = Run(
        Side.WHIPSNAKE,
        [1.0, 1.25],
        [3.0],
        5.0,
        "abc",
        "def",
        2050,
        {
            "stats": {
                "functions_compiled": 2,
                "slow_ops": 1,
                "exits": {},
                "compile_ns": 10**6,
                "code_bytes_peak": 100,
            }
        },
        processor=6.0,
    )
    broken = Row(Part(Item("go", "pyperf", Path("go.py")), "go", 0), failure="status 1")
    facts = {"date": "2030-01-01", "model name": "a CPU", "cores": "2"}
    rows = [Row(part, [plain, jit]), broken]
    return Results(
        facts,
        False,
        {"harness": "python -m bench"},
        rows,
        pgo_build="3.13.5",
        pgo_rows=[Row(part, [jit, plain])],
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results.save(some_results(), tmp_path / "run" / "results.json")
    assert results.load(tmp_path / "run") == results.load(tmp_path / "run" / "results.json") == some_results()
    assert [row["ratio"] for row in json.loads((tmp_path / "run" / "results.json").read_text())["rows"]] == [
        2.0,
        None,
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "rows": []}', None])
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(SetupError):
        results.load(tmp_path)


def test_pyperf_reads_one_file_for_each_side(tmp_path: Path) -> None:
    results.save(some_results(), tmp_path / "results.json")
    assert results.export(tmp_path / "results.json", sys.executable) == ["plain.json", "whipsnake.json"]
    [bench] = pyperf.BenchmarkSuite.load(str(tmp_path / "whipsnake.json")).get_benchmarks()
    [run] = bench.get_runs()
    assert (run.values, run.warmups) == ((1.0, 1.25), ((3, 3.0),))
    expected = {"name": "fib", "side": "whipsnake", "cpu_model_name": "a CPU", "measured": "2030-01-01"}
    expected |= {"command_harness": "python -m bench", "mem_max_rss": 2050 * 1024, "loops": 3}
    assert expected.items() <= run.get_metadata().items()
    compare = [sys.executable, "-m", "pyperf", "compare_to", "plain.json", "whipsnake.json", "-v"]
    done = subprocess.run(compare, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "2.00x faster" in done.stdout


def test_pyperf_is_told_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="could not be written"):
        results.export(tmp_path / "nonesuch.json", sys.executable)


def test_the_commands_have_no_path_of_the_machine(tmp_path: Path) -> None:
    interpreter = Interpreter(sys.executable, "3.13.0", "", "", False, None)
    setup = measure.Setup(Environment(tmp_path / "bench" / "x", interpreter, ""), extra_env={"A": "b c"})
    found = table.commands(table.parse(["--build", str(tmp_path)], "bench"), setup, "python -m bench")
    assert found["harness"] == "python -m bench"
    assert found["whipsnake"].startswith("env 'A=b c' ")
    assert "WHIPSNAKE=baseline" in found["whipsnake"]
    assert "WHIPSNAKE" not in found["plain"]
    assert found["plain"].endswith(" $BUILD/bench/x/venv/bin/python bench/worker.py SPEC")
