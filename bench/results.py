"""What a run leaves behind: all figures with the machine's facts and the commands, as JSON, and for pyperf.

A folder of results has

``results.json``    everything; what the report and the comparison of two commits read
``plain.json``, ``whipsnake.json``    one file for each side, for ``python -m pyperf compare_to``

pyperf's files are written by pyperf itself, in an environment of tools (``python -m bench.results FILE``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.catalogue import Item
from bench.environment import ROOT, SetupError
from bench.measure import Part, Row, Run, Side

FORMAT = 2
RESULTS = "results.json"


@dataclass
class Results:
    """A run."""

    facts: dict[str, Any]
    """Of the machine, the interpreter and the run, for a reader."""
    pgo: bool
    """Which of the two kinds of targets counts."""
    commands: dict[str, str]
    """What was started: by the reader, and for each side by the harness."""
    rows: list[Row]
    curves: list[dict[str, Any]] = field(default_factory=list)
    """Warm-up curves and short runs, as :mod:`bench.curve` measures them."""
    rivals: list[dict[str, Any]] = field(default_factory=list)
    """Other implementations on the same work, as :mod:`bench.rivals` measures them."""
    pgo_build: str = ""
    """The second interpreter, which was built with profile-guided optimization, or why there is none."""
    pgo_rows: list[Row] = field(default_factory=list)
    """What has a target, on that interpreter."""


def save(results: Results, path: Path) -> None:
    """Write a file of results."""
    rows, pgo_rows = ([row_to_json(row) for row in each] for each in (results.rows, results.pgo_rows))
    whole = asdict(results) | {"format": FORMAT, "rows": rows, "pgo_rows": pgo_rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read a file of results, or the one in a folder. Raises SetupError if it is none."""
    file = path / RESULTS if path.is_dir() else path
    try:
        whole = json.loads(file.read_text(encoding="utf-8"))
        if whole.pop("format") != FORMAT:
            raise SetupError(f"{file} is in another format")
        rows = {name: [row_from_json(row) for row in whole[name]] for name in ("rows", "pgo_rows")}
        return Results(**whole | rows)
    except OSError as error:
        raise SetupError(f"no results: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"{file} is no file of results: {error!r}") from None


def row_to_json(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it; the ratio is there for other readers."""
    part = asdict(row.part)
    part["item"] |= {"path": str(row.part.item.path)}
    runs = [asdict(run) | {"side": run.side.value} for run in row.runs]
    return {
        "part": part,
        "runs": runs,
        "failure": row.failure,
        "absent": row.absent,
        "ratio": row.ratio(),
    }


def row_from_json(data: dict[str, Any]) -> Row:
    """Return the row that was written."""
    fields = data["part"]["item"]
    item = Item(**fields | {"path": Path(fields["path"]), "argv": tuple(fields["argv"])})
    runs = [Run(**run | {"side": Side(run["side"])}) for run in data["runs"]]
    return Row(Part(**data["part"] | {"item": item}), runs, data["failure"], data["absent"])


def pyperf_metadata(results: Results) -> dict[str, str]:
    """Return facts and commands under names that pyperf accepts."""
    facts = {name.replace(" ", "_"): str(value) for name, value in results.facts.items()}
    # pyperf gives these a meaning and a form of its own.
    if "date" in facts:
        facts["measured"] = facts.pop("date")
    if "model_name" in facts:
        facts["cpu_model_name"] = facts.pop("model_name")
    return facts | {f"command_{name}": text for name, text in results.commands.items()}


def write_pyperf(path: Path) -> list[Path]:
    """Write one pyperf file for each side next to a file of results; needs pyperf. Returns the files.

    A benchmark that failed has no place in them, and is missing on both sides.
    """
    import pyperf  # type: ignore[import-not-found, import-untyped, unused-ignore]

    results = load(path)
    written = []
    for side in Side:
        benchmarks = []
        for row in results.rows:
            if row.ratio() is None:
                continue
            common = pyperf_metadata(results) | {"name": row.part.name, "unit": "second", "side": side.value}
            runs = [_pyperf_run(pyperf, run, row.part.loops, common) for run in row.runs if run.side is side]
            benchmarks.append(pyperf.Benchmark(runs))
        if benchmarks:
            written.append(path.with_name(f"{side.value}.json"))
            pyperf.BenchmarkSuite(benchmarks).dump(str(written[-1]), replace=True)
    return written


def _pyperf_run(pyperf: Any, run: Run, loops: int, common: dict[str, str]) -> Any:
    """Return one process as pyperf's Run; seconds are for one unit of work on both sides."""
    metadata: dict[str, Any] = dict(common)
    if run.peak_kb:
        metadata["mem_max_rss"] = run.peak_kb * 1024
    return pyperf.Run(
        run.values,
        warmups=[(loops, value) for value in run.warmups],
        metadata=metadata | {"loops": loops},
        collect_metadata=False,
    )


def export(path: Path, tools: str) -> list[str]:
    """Have an interpreter with pyperf write its files; return their names. Raises SetupError."""
    command = [tools, "-m", "bench.results", str(path.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"pyperf's files could not be written: {done.stderr.strip()[-300:]}")
    return done.stdout.split()


def main(argv: Sequence[str]) -> int:
    """Write pyperf's files for each file of results named; print their names."""
    for name in argv:
        for path in write_pyperf(Path(name)):
            print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
