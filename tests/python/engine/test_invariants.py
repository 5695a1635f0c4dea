"""Facts that machine code takes for granted, and what happens when they change."""

from __future__ import annotations

import pytest

from .conftest import Script


@pytest.mark.parametrize(
    "options", ["", "watchers=False", "watchers=False, entry='vectorcall'", "entry='pep523'"]
)
def test_globals_and_builtins_change(script: Script, options: str) -> None:
    script(f"""
        import builtins
        whipsnake.enable(threshold=2, loop_threshold=10, {options})
        value = 1
        def read(): return value
        def length(x): return len(x)
        def missing(): return surprise
        def in_loop(n, change):
            seen = []
            for i in range(n):
                seen.append(value)
                if i == n - 3: change()
            return seen[-4:]
        def attempt(f, *args):
            try: return f(*args)
            except NameError as e: return str(e)
        G = globals()
        class Key(str):
            def __hash__(self): return str.__hash__(self)
            def __eq__(self, other): return str.__eq__(self, other)
        calls(read, 10), calls(length, 10, [1])
        G["value"] = 2; assert read() == 2
        G["val" + "ue"[:2]] = 3; assert read() == 3          # an equal string, not the same
        G[Key("value")] = 4; assert read() == 4
        del G["value"]; assert attempt(read) == "name 'value' is not defined"
        G["value"] = 5; assert read() == 5
        G.update(value=6); assert read() == 6
        G.setdefault("value", 7); assert read() == 6
        assert G.pop("value") == 6 and attempt(read).startswith("name")
        G |= {{"value": 8}}; assert read() == 8
        exec("value = 9", G); assert read() == 9
        def store():
            global value
            value = 10
        store(); assert read() == 10
        assert in_loop(100, lambda: G.update(value=11)) == [10, 10, 11, 11]
        for k in range(100):
            value = k
            assert read() == k
        # builtins shadowed, unshadowed, changed
        assert length([1, 2]) == 2
        G["len"] = lambda x: "mine"; assert length([1]) == "mine"
        del G["len"]; assert length([1, 2]) == 2
        real = builtins.len
        builtins.len = lambda x: "theirs"
        try:
            assert length([1]) == "theirs"
            G["len"] = real; assert length([1, 2, 3]) == 3
            del G["len"]; assert length([1]) == "theirs"
        finally:
            builtins.len = real
        assert length([1, 2, 3]) == 3
        calls(lambda: attempt(missing), 10)
        builtins.surprise = 1; assert missing() == 1
        G["surprise"] = 2; assert missing() == 2
        del builtins.surprise; assert missing() == 2
        del G["surprise"]; assert attempt(missing) == "name 'surprise' is not defined"
    """)


def test_other_dictionaries(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=1)
        def make():
            namespace = {"x": 1}
            exec("def f(): return x", namespace)
            return namespace, namespace["f"]
        for change in (dict.clear, lambda d: d.update(x=2), lambda d: d.popitem(), lambda d: d.__init__(x=3)):
            namespace, f = make()
            calls(f, 5)
            changed = dict(namespace)
            change(changed), change(namespace)
            try: got = f()
            except NameError: got = "gone"
            assert got == changed.get("x", "gone"), change
        # a dictionary that dies, and one that takes its place
        for _ in range(300):
            namespace, f = make()
            assert calls(f, 4) == 1
            namespace["x"] = 2
            assert f() == 2
        # a dictionary that is busy with other keys
        namespace, f = make()
        calls(f, 5)
        for i in range(20000): namespace["y"] = i
        namespace["x"] = 7
        assert f() == 7
    """)


def test_watchers_of_others(script: Script) -> None:
    script("""
        try:
            import _testcapi as T
        except ImportError:
            sys.exit()
        whipsnake.enable(threshold=2)
        value = 1
        def read(): return value
        calls(read, 10)
        ids = []
        for _ in range(8):
            try: ids.append((T.add_dict_watcher(0), T.add_type_watcher(0)))
            except RuntimeError: break
        d = {}
        for wid, _ in ids: T.watch_dict(wid, d)
        value = 2
        assert read() == 2
        for a, b in ids: T.clear_dict_watcher(a), T.clear_type_watcher(b)
        whipsnake.disable()
        # no id left for us
        ids = []
        while True:
            try: ids.append(T.add_dict_watcher(0))
            except RuntimeError: break
        whipsnake.enable(threshold=2)
        assert "watchers" in whipsnake.stats()["unavailable"]
        calls(read, 10)
        value = 3
        assert read() == 3
        for wid in ids: T.clear_dict_watcher(wid)
    """)


def test_types_that_are_stored_to_get_no_version(script: Script) -> None:
    """Else somebody's type watcher would hear of each of several changes, not of the first only."""
    script("""
        whipsnake.enable(threshold=0)
        def type_version(C): return ctypes.c_uint32.from_address(id(C) + 384).value
        def store(C, name):
            for i in range(3): C.x = i
            setattr(C, name, 1)
            C.x = 5
            return type_version(C)
        def instance(C):
            o = C()
            o.x = 1
            return type_version(C)
        class Meta(type): pass
        for i in range(20):
            class C: pass
            class D(metaclass=Meta): pass
            assert store(C, "y") == store(D, "z") == 0
            assert instance(C) != 0
        assert whipsnake.tier(store) == "baseline"
    """)


def test_evaluator_of_others(script: Script) -> None:
    script("""
        try:
            import _testinternalcapi as T
        except ImportError:
            sys.exit()
        def leaf(): return 1
        def f():
            return leaf() + leaf()
        def g(n):
            for i in range(n): yield i
        seen = []
        T.set_eval_frame_record(seen)
        list(g(3)), next(g(1))
        T.set_eval_frame_default()
        expected = seen.count("g")
        for entry in ("vectorcall", "pep523"):
            seen = []
            # after us
            whipsnake.enable(threshold=2, loop_threshold=5, entry=entry)
            calls(f, 50)
            list(g(50))
            def loop(n):
                for i in range(n):
                    if i == 50: T.set_eval_frame_record(seen)
                    f()
                T.set_eval_frame_default()
            loop(60)
            assert seen.count("f") == 10 and seen.count("leaf") == 20, (entry, seen)
            seen.clear()
            T.set_eval_frame_record(seen)
            list(g(3)), next(g(1))
            T.set_eval_frame_default()
            assert seen.count("g") == expected, (entry, seen)
            whipsnake.disable()
            # before us
            T.set_eval_frame_record(seen)
            whipsnake.enable(threshold=10**6, entry=entry)
            exec("def fresh(): return 1\\ndef calls_fresh(): return fresh() + fresh()", globals())
            seen.clear()
            calls_fresh()
            assert seen == ["calls_fresh", "fresh", "fresh"], (entry, seen)
            whipsnake.compile(calls_fresh)
            seen.clear()
            calls_fresh()
            assert seen.count("fresh") == 2, (entry, seen)  # what we do not compile is theirs
            whipsnake.disable()
            seen.clear()
            calls_fresh()
            assert seen == ["calls_fresh", "fresh", "fresh"], (entry, seen)
            T.set_eval_frame_default()
    """)
