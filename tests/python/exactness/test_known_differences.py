"""What a program can notice: what ARCHITECTURE.md lists under its limits, so that the list stays true.

These tests are expected to fail; one that passes is a failure, and its line in ARCHITECTURE.md has to go.
"""

import pytest
from support import plain_and_jit

NOISY = """
    LOG = []
    class Noisy:
        def __init__(self, name): self.name = name
        def __del__(self): LOG.append('del ' + self.name)
"""


@pytest.mark.xfail(
    strict=True, reason="until it is compiled, the callee's tuple and dictionary live until it returns"
)
def test_arguments_of_a_first_star_call(tmp_path):
    plain_and_jit(
        NOISY
        + """
    def star(*args, **kwargs):
        del args
        LOG.append('no args')
        del kwargs
        LOG.append('no kwargs')
    for i in range(3):
        star(*[Noisy('1'), Noisy('2')], **{'k': Noisy('3')})
        print(LOG)
        LOG.clear()
    """,
        tmp_path=tmp_path,
        modes=["tier-up"],
    )


@pytest.mark.xfail(
    strict=True, reason="with an evaluator in place the interpreter calls functions by vectorcall"
)
def test_arguments_under_an_evaluator(tmp_path):
    plain_and_jit(
        NOISY
        + """
    def forgets(x):
        del x
        LOG.append('deleted')
    def calls(): forgets(Noisy('argument'))
    exec('for i in range(5): calls()')
    print(LOG)
    """,
        tmp_path=tmp_path,
        modes=["evaluator"],
    )


@pytest.mark.xfail(strict=True, reason="the events begin at the next call or back edge, not at the next line")
def test_tracing_begun_by_the_destructor_of_a_store(tmp_path):
    plain_and_jit(
        """
    import sys
    LOG = []
    def tracer(frame, event, arg):
        if frame.f_code is f.__code__: LOG.append((event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer
    class Switch:
        def __del__(self):
            sys.settrace(tracer)
            sys._getframe(1).f_trace = tracer
    def f():
        s = Switch()
        s = None
        a = 1
        return a
    for i in range(3):
        f()
        sys.settrace(None)
    print(LOG)
    """,
        tmp_path=tmp_path,
        modes=["everything"],
    )


@pytest.mark.xfail(
    strict=True, reason="a code object with a record is larger, as with any user of code-extra space"
)
def test_size_of_a_code_object(tmp_path):
    plain_and_jit(
        """
    import sys
    def f(): pass
    for i in range(5): f()
    print(sys.getsizeof(f.__code__) == sys.getsizeof(f.__code__.replace()))
    """,
        tmp_path=tmp_path,
        modes=["everything"],
    )


@pytest.mark.xfail(
    strict=True,
    reason="CPython forgets opcode events of code in which another tool, which counts its back edges, has local events",
)
def test_opcode_events_where_back_edges_are_counted(tmp_path):
    plain_and_jit(
        """
    import sys
    log = []
    def trace(frame, event, arg):
        log.append((event, frame.f_lineno))
        return trace
    def begin(frame):
        frame.f_trace = trace
        frame.f_trace_opcodes = True
        sys.settrace(trace)
    def f():
        for i in range(2):
            begin(sys._getframe())
        sys.settrace(None)
    f()
    print(log)
    """,
        tmp_path=tmp_path,
        modes=["tier-up"],
    )


@pytest.mark.xfail(
    strict=True,
    reason="a line is told again where an exception is thrown in, if the interpreter never ran what it would resume",
)
def test_line_of_an_exception_that_is_thrown_in(tmp_path):
    plain_and_jit(
        """
    import sys, types
    log = []
    M = sys.monitoring
    M.use_tool_id(1, "lines")
    M.register_callback(1, M.events.LINE, lambda code, line: code is f.__code__ and log.append(line))
    @types.coroutine
    def pause(): yield
    async def f():
        await pause()
    def run(*thrown):
        coroutine = f()
        coroutine.send(None)
        try:
            if thrown: coroutine.throw(*thrown)
            else: coroutine.send(None)
        except (StopIteration, ValueError): pass
    run()
    M.set_events(1, M.events.LINE)
    run(ValueError())
    M.set_events(1, 0)
    print(log)
    """,
        tmp_path=tmp_path,
        modes=["everything"],
    )
