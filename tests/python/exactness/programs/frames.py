"""What frames, stacks and lines look like from inside: sys._getframe, inspect, traceback, warnings, logging."""

import faulthandler
import inspect
import io
import logging
import os
import sys
import tempfile
import threading
import traceback
import warnings


def stack():
    out = []
    frame = sys._getframe(1)
    while frame is not None:
        out.append((frame.f_code.co_qualname, frame.f_lineno, frame.f_lasti))
        frame = frame.f_back
    return out


def one(x):
    return two(x, key=x)


def two(x, *, key):
    return [
        three(x),
        *(stack() for _ in range(1)),
        (lambda: stack())(),
    ]


def three(x):
    class C:
        body = stack()

        def method(self):
            return stack()

        @property
        def prop(self):
            return stack()

        def __add__(self, other):
            return stack()

        def __getattr__(self, name):
            return stack()

        def __init__(self):
            self.init = stack()

    c = C()
    return [
        c.body,
        c.method(),
        c.prop,
        c + 1,
        c.missing,
        c.init,
        sorted([1], key=lambda _: stack().__len__()),
        list(map(lambda _: stack(), [1])),
        [stack() for _ in (1,)],
    ]


def multi_line(x):
    return (
        stack(),
        x.__class__(
            x,
        ),
        stack(),
        [stack() for _ in range(2)],
    )


def warned(n):
    for i in range(n):
        warnings.warn(f"here {i}")
        warnings.warn(f"caller {i}", stacklevel=2)
        helper()


def helper():
    warnings.warn("two up", stacklevel=3)
    warnings.warn("far up", stacklevel=99)
    deprecated()


def deprecated():
    warnings.warn("old", DeprecationWarning, stacklevel=2)


def logged(log, n):
    for i in range(n):
        log.warning("message %d", i)
        log.info(
            "second line",
        )
        indirect(log)


def indirect(log):
    log.error("indirect", stacklevel=2)
    log.error("with stack", stack_info=True)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught")


def inspected():
    infos = inspect.stack()
    out = [(i.function, i.lineno, i.code_context, i.index, i.positions) for i in infos]
    frame = inspect.currentframe()
    out.append((frame.f_lineno, inspect.getframeinfo(frame), inspect.getargvalues(frame).locals.keys()))
    return out


def extracted():
    out = [(f.name, f.lineno, f.end_lineno, f.colno, f.end_colno, f.line) for f in traceback.extract_stack()]
    out += traceback.format_stack()
    return out


def dumped():
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=False)
        file.seek(0)
        return file.read()


def other_thread():
    ready, done = threading.Event(), threading.Event()

    def work():
        ready.set()
        done.wait()

    def hot(n):
        if n:
            return hot(n - 1)
        work()

    thread = threading.Thread(target=hot, args=(3,))
    thread.start()
    ready.wait()
    frame = sys._current_frames()[thread.ident]
    out = []
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            out.append((frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))
        frame = frame.f_back
    done.set()
    thread.join()
    return out


def frame_attributes(x):
    y = x
    frame = sys._getframe()
    return (
        frame.f_code is frame_attributes.__code__,
        frame.f_globals is globals(),
        frame.f_builtins is vars(__import__("builtins")),
        frame.f_trace,
        frame.f_trace_lines,
        frame.f_back.f_code.co_name,
        sorted(frame.f_locals),
        frame.f_lineno,
        repr(frame).split(",")[-1],
    )


def clearing(x):
    def running():
        try:
            sys._getframe(1).clear()
        except RuntimeError as error:
            return str(error)

    def finished():
        local = x
        return sys._getframe()

    frame = finished()
    before = dict(frame.f_locals)
    frame.clear()
    return running(), before, dict(frame.f_locals)


def modulename():
    return sys._getframemodulename(0), sys._getframemodulename(1)


def chain_is_real():
    frame = sys._getframe()
    return sum(1 for _ in traceback.walk_stack(frame)), frame.f_back.f_back


text = io.StringIO()
handler = logging.StreamHandler(text)
handler.setFormatter(logging.Formatter("%(levelname)s %(filename)s %(funcName)s %(lineno)d %(message)s"))
logger = logging.getLogger("frames")
logger.addHandler(handler)
logger.setLevel(logging.DEBUG)
warnings.simplefilter("always")
warnings.showwarning = lambda message, category, filename, lineno, file=None, line=None: print(
    category.__name__, str(message), os.path.basename(filename), lineno
)

for round_ in range(5):
    for part in one(round_):
        print(*part, sep="\n") if isinstance(part, list) else print(part)
    print(multi_line("x"))
    warned(2)
    logged(logger, 2)
    print(inspected())
    print(extracted())
    print(dumped())
    print(other_thread())
    print(frame_attributes(1))
    print(clearing([1]))
    print(modulename(), chain_is_real())
print(text.getvalue())
