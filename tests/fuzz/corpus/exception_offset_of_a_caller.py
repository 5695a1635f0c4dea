# known: where a tool begins to listen in a callee, RAISE and PY_UNWIND may name another code unit of the caller's call
import sys

monitoring = sys.monitoring
monitoring.use_tool_id(4, "corpus")
for event in (monitoring.events.RAISE, monitoring.events.PY_UNWIND):
    monitoring.register_callback(4, event, lambda code, offset, error: log(code.co_name, offset))


def callee(x):
    monitoring.set_events(4, monitoring.events.RAISE | monitoring.events.PY_UNWIND)
    raise ValueError(x)


def caller(x):
    callee(x)


for _ in range(3):
    call(caller, 1)
    monitoring.set_events(4, 0)
monitoring.free_tool_id(4)
