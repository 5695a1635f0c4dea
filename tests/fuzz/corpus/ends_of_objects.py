"""The order in which objects end: locals, loops, exceptions, generators, closures, cycles."""


def leave(how):
    a = Noisy("a")
    for b in [Noisy("b1"), Noisy("b2")]:
        try:
            c = Noisy("c")
            if how == 1:
                return b.name
            if how == 2:
                raise KeyError(Noisy("in error").name)
        except KeyError:
            c = None
            log("handled")
        finally:
            log("finally")
    a = a.name, Noisy("d").name
    return a


def gen():
    held = Noisy("held")
    try:
        while True:
            got = yield held.name
            held = Noisy(got)
    finally:
        log("generator ends")


def cell():
    kept = Noisy("cell")

    def inner():
        nonlocal kept
        kept = Noisy("cell 2")
        return lambda: kept.name

    return inner()()


for _ in range(25):
    for how in range(3):
        call(leave, how)
    steps(gen(), "x", "y", "close")
    steps(gen(), KeyError(1))
    call(cell)
    for item in gen():
        break
    del item
    cycle = Noisy("cycle")
    cycle.me = cycle
    del cycle
collect()
