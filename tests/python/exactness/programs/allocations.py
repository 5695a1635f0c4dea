"""tracemalloc, on from the start and switched on in a hot loop: who allocated what is known to the line."""

import sys
import tracemalloc


class Point:
    def __init__(self, x):
        self.x = x
        self.y = [x]


def make(n):
    out = []
    for i in range(n):
        out.append(Point(i))
        out.append(i * 1.5)
        out.append([i])
        out.append((i, out))
        out.append({"i": i})
        out.append(f"text {i}")
        out.append(i + 100_000)
        out.append(lambda: i)
        out.append(x for x in out)
        out.append(out[0].y.append)
    return out


def where(objects):
    seen = set()
    for o in objects:
        trace = tracemalloc.get_object_traceback(o)
        if type(o) not in FROM_FREE_LISTS:
            seen.add((type(o).__name__, tuple(f.lineno for f in trace) if trace else None))
        else:  # an allocation at all only when the list of free ones was empty
            assert trace is None or trace[-1].lineno in range(17, 21), (o, trace)
    return sorted(seen, key=str)


FROM_FREE_LISTS = (float, list, tuple, dict)


def switched_on(n, at):
    out = []
    for i in range(n):
        if i == at:
            tracemalloc.start(5)
        out.append(f"text {i}")
    return [tracemalloc.get_object_traceback(o) is not None for o in out]


def failing(n):
    try:
        return 1 / n
    except ZeroDivisionError as error:
        return error


for round_ in range(5):
    tracemalloc.start(10)
    print(where(make(3)))
    print(where([failing(0), failing(0)]))
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, __file__)])
    print(sorted({s.traceback[0].lineno for s in snapshot.statistics("lineno")} & {16, *range(21, 26)}))
    tracemalloc.stop()
    print(switched_on(8, 4))
    print(tracemalloc.is_tracing(), tracemalloc.get_tracemalloc_memory() > 0)
    tracemalloc.stop()
    floats = [float(i) for i in range(300)]
    tracemalloc.start()
    more = [x + 0.5 for x in floats]
    print(sum(tracemalloc.get_object_traceback(x) is not None for x in more) >= 100)
    tracemalloc.stop()
print(sys.getsizeof(make))
