"""Signals in hot loops of every shape: handlers run, KeyboardInterrupt arrives, state is left as it should be."""

import os
import signal
import sys
import threading
import time

FIRED = []


class Enough(Exception):
    pass


def alarm(signum, frame):
    FIRED.append((signum == signal.SIGALRM, frame.f_code.co_name))
    raise Enough


def count(signum, frame):
    FIRED.append(frame.f_code.co_name)


def forever_pass():
    while True: pass


def forever_work():
    n = 0
    while True:
        n = (n + 1) % 1000


def forever_for():
    while True:
        for _ in range(1000):
            pass


def forever_call():
    def nothing():
        return None

    while True:
        nothing()


def forever_method():
    class C:
        def m(self):
            return self

    c = C()
    while True:
        c.m().m()


def forever_comprehension():
    while True:
        [x * 2 for x in range(50)]


def forever_generator():
    def numbers():
        n = 0
        while True:
            yield n
            n += 1

    for _ in numbers():
        pass


def forever_recursion():
    def down(n):
        return n and down(n - 1)

    while True:
        down(50)


def forever_try():
    while True:
        try:
            raise ValueError
        except ValueError:
            continue
        finally:
            pass


def forever_with():
    class M:
        def __enter__(self):
            return self

        def __exit__(self, *rest):
            return False

    while True:
        with M():
            pass


def forever_floats():
    x = 0.5
    while True:
        x = x * 1.0000001 + 0.1 if x < 1e9 else 0.5


def forever_container():
    d, v = {}, [0]
    while True:
        d["k"] = v[0]
        v[0] = d["k"]


def forever_iterator():
    import itertools

    for _ in itertools.count():
        pass


def forever_nested():
    while True:
        for i in range(10):
            for j in range(10):
                if i == j:
                    continue


LOOPS = [value for name, value in list(globals().items()) if name.startswith("forever_")]


def interrupted(function, seconds):
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        function()
    except Enough as error:
        tb = error.__traceback__
        names = []
        while tb:
            names.append(tb.tb_frame.f_code.co_name)
            tb = tb.tb_next
        return names[:2], names[-1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "ended"


for function in LOOPS:
    for round_ in range(2):
        outcome = interrupted(function, 0.02)
        print(function.__name__, outcome[0], outcome[1])
FIRED.clear()

# ---- a handler that only counts: the loop's result is not disturbed


def busy(n):
    total = 0
    for i in range(n):
        total += i % 7
    return total


signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
answers = {busy(300_000), busy(300_000)}
end = time.monotonic() + 30
while len(FIRED) < 3 and time.monotonic() < end:
    answers.add(busy(300_000))
signal.setitimer(signal.ITIMER_REAL, 0)
print(answers)
# Where everything is slow, the handler is interrupted by the next signal.
print(len(FIRED) > 2, set(FIRED) <= {"busy", "<module>", "count"})
FIRED.clear()

# ---- KeyboardInterrupt, from outside and from a thread


def interrupt_me(n):
    try:
        total = 0
        while True:
            total += 1
            if total == n:
                os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        return total == n


for round_ in range(30):
    assert interrupt_me(50), round_


def interrupted_by_thread(function):
    timer = threading.Timer(0.03, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        function()
    except KeyboardInterrupt:
        return "interrupted"
    finally:
        timer.join()


print([interrupted_by_thread(f) for f in (forever_pass, forever_work, forever_call, forever_generator)])

# ---- exactly where: between which two statements the handler runs


def where(n):
    out = []
    for i in range(n):
        a = 1
        if i == n - 2:
            signal.raise_signal(signal.SIGUSR1)
        b = 2
        out.append((a, b))
    return out


def note(signum, frame):
    FIRED.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, sorted(frame.f_locals)))


signal.signal(signal.SIGUSR1, note)
for n in (3, 50, 3):
    where(n)
print(FIRED)
FIRED.clear()

# ---- a handler changes what the loop uses


def changed(n):
    i = 0
    while i < n:
        i += step
        if i == 10:
            signal.raise_signal(signal.SIGUSR2)
    return i


def change(signum, frame):
    global step
    step = 7
    frame.f_locals["n"] = 100


signal.signal(signal.SIGUSR2, change)
for _ in range(5):
    step = 1
    print(changed(30))

# ---- handlers that raise inside finally, with, and destructors


def cleanup():
    done = []
    try:
        try:
            signal.raise_signal(signal.SIGALRM)
            done.append("not reached")
        finally:
            done.append("finally")
    except Enough:
        done.append("caught")
    return done


signal.signal(signal.SIGALRM, alarm)
print([cleanup() for _ in range(10)][-1])

# ---- while the main thread waits in C


def waiting():
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    started = time.monotonic()
    try:
        time.sleep(5)
    except Enough:
        return time.monotonic() - started < 2


print([waiting() for _ in range(3)])

# ---- the uncaught end
sys.stdout.flush()
signal.signal(signal.SIGINT, signal.default_int_handler)


def last(n):
    for i in range(n):
        if i == n - 1:
            os.kill(os.getpid(), signal.SIGINT)
        busy(10)


last(40)
