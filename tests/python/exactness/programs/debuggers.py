"""The standard library's own observers at work on hot code: bdb, pdb, cProfile, trace, timeit."""

import bdb
import cProfile
import io
import pdb
import pstats
import sys
import timeit
import trace


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def work(n):
    total = 0
    for i in range(n):
        total += fib(i % 5)
        if i % 3 == 0:
            total -= len([i])
    return total


def gen(n):
    for i in range(n):
        yield work(i)


class Recorder(bdb.Bdb):
    def __init__(self):
        super().__init__()
        self.log = []

    def user_line(self, frame):
        if frame.f_code.co_filename == __file__:
            self.log.append((frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))
        self.set_next(frame) if frame.f_code.co_name == "fib" else self.set_step()

    def user_return(self, frame, value):
        self.log.append(("return", frame.f_code.co_name, str(value)[:20]))


def profiled(profiler):
    profiler.runcall(work, 20)
    profiler.runcall(list, gen(5))
    out = io.StringIO()
    stats = pstats.Stats(profiler, stream=out)
    return sorted(
        (name[2], name[1], cc, nc) for name, (cc, nc, *_) in stats.stats.items() if "disable" not in name[2]
    )


def traced():
    tracer = trace.Trace(count=1, trace=0)
    tracer.runfunc(work, 10)
    return sorted((line, n) for (file, line), n in tracer.results().counts.items() if file == __file__)


def debugged(commands):
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    try:
        debugger.runcall(work, 4)
    except bdb.BdbQuit:
        pass
    finally:
        sys.settrace(None)
    return out.getvalue()


for warm in (0, 5, 60):
    for _ in range(warm):
        work(12)
        list(gen(4))
    recorder = Recorder()
    recorder.runcall(work, 3)
    recorder.set_quit()
    sys.settrace(None)
    print(*recorder.log, sep="\n")
    print(*profiled(cProfile.Profile()), sep="\n")
    print(traced())
    print(debugged("b fib\nc\nw\np n\nr\nn\nu\np total\nc\ncl 1\ny\nc\n"))
    print(debugged("n\nn\ns\ns\nr\nj 2\nq\n"))
    print(debugged("unt 25\np i, total\n!total = 1000\nc\n"))
    print(timeit.timeit(lambda: work(3), number=5) > 0)
    print(work(30), list(gen(6)))
