"""Attributes that C++ finds or stores by a site's entry: they are no misses of the site."""

from __future__ import annotations

import pytest
from support import check, enabled, hot

from whipsnake import _core

SOURCE = """
import copy, decimal, xml.etree.ElementTree
class Property:
    def __init__(self): self.n = 1
    def _get(self): return self.n
    def _set(self, value): self.n = value
    value = property(_get, _set)
class Descriptor:
    def __get__(self, owner, cls): return owner.n
    def __set__(self, owner, value): owner.n = value
class Described:
    value = Descriptor()
class Plain:
    def __init__(self): self.value = 0
def with_dict():
    plain = Plain()
    plain.__dict__
    return plain
def replaced():
    plain = Plain()
    plain.__dict__ = {"value": 5}
    return plain
def element():
    return xml.etree.ElementTree.Element("a")
context = decimal.Context()
class Getter(decimal.Context): pass
def store(owner, value):
    owner.value = value
    return owner.value
def store_text(owner, value):
    owner.text = value
    owner.text += value
    return owner.text
def load(owner, n): return [owner.prec for i in range(n)]
def call(owner, n): return [owner.quantize(decimal.Decimal("1.25"), decimal.Decimal("1.0")) for i in range(n)]
"""


@pytest.mark.parametrize(
    "site",
    [
        *(f"store({owner}, 'v')" for owner in ("Property()", "Described()", "with_dict()", "replaced()")),
        *("store_text(element(), 'v')", "load(context, 3)", "load(Getter(), 3)", "call(context, 3)"),
    ],
)
def test_nothing_is_a_miss(site: str) -> None:
    namespace: dict[str, object] = {"__name__": "checked"}
    exec(SOURCE, namespace)
    call = compile(site, "<site>", "eval")
    name = site.partition("(")[0]
    with enabled():
        answer = eval(call, namespace)
        for _ in range(6):
            eval(call, namespace)
        hot(namespace[name], *eval(site.partition("(")[2].join(("(", "")), namespace))  # type: ignore[type-var]
        for _ in range(40):
            assert eval(call, namespace) == answer
        before = _core.stats()["slow_ops"]
        for _ in range(10):
            assert eval(call, namespace) == answer
        assert _core.stats()["slow_ops"] == before, _core.hot_sites(5)


def test_what_they_do() -> None:
    check(
        SOURCE.replace("\n", "\n    ")
        + """
    class Refuses:
        @property
        def value(self): return 1
    class Raises:
        def _set(self, value): raise KeyError(value)
        value = property(None, _set)
    class Dies:
        def __del__(self): log.append('dead')
    class Getattribute:
        prec = 3
        def __getattribute__(self, name):
            log.append(name)
            return object.__getattribute__(self, name)
    class Setattr:
        def __setattr__(self, name, value): log.append((name, value)); object.__setattr__(self, name, value)
    def in_loop(owner, values):
        for value in values: owner.value = value
        return owner.value
    def shared(n):
        plain = Plain()
        copied = plain.__dict__
        store(plain, n)
        other = [plain, store(plain, n + 1), dict(copied)]
        plain.late = 1
        del plain.value
        return other, store(plain, n + 2), dict(copied), list(copied)
    def changed(n):
        class Own(Property): pass
        own = Own()
        seen = [store(own, n), own.__dict__]
        Own.value = property(lambda self: 'new', lambda self, value: log.append(value))
        seen += [store(own, n)]
        Property.value, kept = 5, Property.value
        del Own.value
        seen += [store(own, n + 1), own.__dict__]
        Property.value = kept
        return seen
        """,
        "store(Property(), 2) ;; store(Described(), 3) ;; store(Plain(), 4) ;; store(with_dict(), 5)",
        "store(replaced(), 6) ;; store(Refuses(), 7) ;; store(Raises(), 8) ;; store(Setattr(), 9) ;; store(5, 1)",
        "store(with_dict(), Dies()) and 1 ;; in_loop(Property(), [1, 2]) ;; in_loop(with_dict(), 'abc')",
        "in_loop(Raises(), [1]) ;; shared(1) ;; changed(2) ;; store_text(element(), 'x') ;; store_text(Plain(), 'x')",
        "store_text(element(), 5) ;; load(context, 2) ;; load(Getter(), 2) ;; load(Getattribute(), 1) ;; load(5, 1)",
        "call(context, 2) ;; call(Getter(), 1) ;; load(Plain(), 1)",
        warm=[0, 3, 4, 9, 13, 14, 15, 17, 18, 22],
        leaks=False,
    )
