"""Tracing, profiling and monitoring are switched on and off inside of functions that are hot."""


def inner(x):
    if x == 3:
        raise ValueError(x)
    return x + 1


def gen(n):
    for i in range(n):
        try:
            yield inner(i)
        except ValueError as error:
            yield str(error)


def run(on, off):
    total = []
    for i, value in enumerate(gen(6)):
        if i == 1:
            on()
        total.append(value)
        if i == 4:
            off()
    return total


def here():
    a = 1
    trace(True)
    b = a + 1
    for c in range(2):
        b += inner(c)
    untrace()
    return b


for _ in range(12):
    call(run, collect, collect)
call(run, lambda: monitor("LINE", "JUMP", "RAISE", "PY_YIELD"), unmonitor)
call(run, profile, unprofile)
call(run, trace, untrace)
call(here)
call(here)
call(run, lambda: monitor("LINE", code=inner.__code__), unmonitor)
call(run, collect, collect)
