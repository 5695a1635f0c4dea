"""Several threads in hot code: everyone gets the GIL, nobody loses an update, exceptions reach the thread they mean."""

import ctypes
import queue
import sys
import threading
import time

sys.setswitchinterval(1e-4)


def together(*functions):
    threads = [threading.Thread(target=f) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- two loops that never call anything: both must make progress at the same time

progress = {"a": 0, "b": 0}
stop = []


def spin(name):
    while not stop:
        progress[name] += 1


def judge():
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and min(progress.values()) < 1000:
        time.sleep(0.001)
    stop.append(1)


together(lambda: spin("a"), lambda: spin("b"), judge)
print("both ran", min(progress.values()) >= 1000)

# ---- the same function in many threads at once, from its first call on


def work(n):
    total = 0
    for i in range(n):
        total += i * i % 7
        if i % 3 == 0:
            total -= len(str(i))
    return total


class Shared:
    def __init__(self, n):
        self.n = n

    def bump(self, k):
        self.n += k
        return self.n


results = queue.Queue()
together(*[lambda: results.put(work(3000)) for _ in range(8)])
print(sorted(results.queue) == [work(3000)] * 8)

lock = threading.Lock()
shared = Shared(0)


def locked(n):
    for _ in range(n):
        with lock:
            shared.bump(1)


together(*[lambda: locked(500)] * 6)
print(shared.n)

# ---- many small functions, made, warmed up and dropped in all threads


def hammer(seed):
    out = 0
    for i in range(60):
        scope = {}
        exec(f"def f(x):\n    t = {seed}\n    for i in range(x): t += i * {i}\n    return t", scope)
        for _ in range(5):
            out += scope["f"](5)
    results.put(out)


results.queue.clear()
together(*[lambda s=s: hammer(s) for s in range(6)])
print(sorted(results.queue))

# ---- one thread changes what the others run


class Base:
    def value(self):
        return 1


factor = 1


def reader():
    b = Base()
    seen = set()
    while not stop:
        seen.add(b.value() * factor)
    results.put(seen)


def writer():
    global factor
    for i in range(200):
        Base.value = lambda self, i=i: i % 3
        factor = i % 5
        time.sleep(0)
    stop.append(1)


stop.clear()
results.queue.clear()
together(reader, reader, writer)
print(all(s <= {a * b for a in range(3) for b in range(5)} for s in results.queue))

# ---- an exception sent into a hot thread


class Stop(Exception):
    pass


def endless():
    try:
        n = 0
        while True:
            n += 1
    except Stop:
        results.put(("stopped", n > 0))


def endless_generator():
    def numbers():
        try:
            n = 0
            while True:
                yield n
                n += 1
        finally:
            results.put("generator closed")

    try:
        for _ in numbers():
            pass
    except Stop:
        results.put("stopped")


for target in (endless, endless_generator):
    results.queue.clear()
    thread = threading.Thread(target=target)
    thread.start()
    time.sleep(0.03)
    sent = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
    thread.join()
    print(sent, sorted(results.queue, key=str))

# ---- pending calls run in the main thread's loop


def pending():
    seen = []
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(
        lambda _: seen.append(threading.get_ident()) or 0
    )
    ctypes.pythonapi.Py_AddPendingCall(callback, None)
    n = 0
    while not seen:
        n += 1
    return seen == [threading.main_thread().ident]


print([pending() for _ in range(5)])

# ---- thread-local and per-thread exceptions, generators handed around


def raises(n):
    try:
        raise ValueError(n)
    except ValueError:
        time.sleep(0)
        for _ in range(50):
            assert sys.exc_info()[1].args == (n,)
    assert sys.exc_info()[1] is None


def in_order(n):
    for i in range(n):
        raises(i)
    results.put("ok")


results.queue.clear()
together(*[lambda: in_order(100)] * 4)
print(list(results.queue))


def producer(n):
    for i in range(n):
        yield i * i


shared_generator = producer(1000)
taken = []
generator_lock = threading.Lock()


def consume():
    while True:
        with generator_lock:
            try:
                taken.append(next(shared_generator))
            except StopIteration:
                return


together(consume, consume, consume)
print(taken == [i * i for i in range(1000)])

# ---- uncaught exceptions and small stacks

threading.excepthook = lambda args: print("uncaught", args.exc_type.__name__, args.exc_value)


def fails(n):
    return fails(n - 1) if n else 1 / 0


together(lambda: fails(20))


def depth(n):
    try:
        return depth(n + 1)
    except RecursionError:
        return n


threading.stack_size(256 * 1024)
results.queue.clear()
together(lambda: results.put(depth(0)))
print(list(results.queue))
