"""The extension module's own functions: arguments, answers, refusals."""

from __future__ import annotations

from .conftest import Script


def test_options_are_checked(script: Script) -> None:
    script("""
        from whipsnake import _core
        def refused(options):
            try:
                _core.enable(options)
            except (ValueError, TypeError) as e:
                assert not _core.is_enabled()
                return str(e)
            raise AssertionError(options)
        assert refused([]) == "enable() argument must be dict, not list"
        assert refused({"engine": "none"}) == "unknown engine 'none'; allowed: off, baseline"
        for key in ("threshold", "loop_threshold", "budget"):
            for value in (-1, 2**64, "5", 1.5, None):
                assert refused({key: value}).startswith(f"{key}="), (key, value)
        assert refused({"threshold": 2**31}).startswith("threshold=")
        assert refused({"entry": "door"}) == "entry='door' is not allowed; allowed: vectorcall or pep523"
        for value in ("maybe", "fail:", "fail:x", "fail:-1", "fail:1x", 5):
            message = refused({"code_heap": value})
            assert "allowed: ok, fail, or fail:N" in message or not isinstance(value, str)
        class Bad:
            def __bool__(self): raise TypeError("neither")
        assert refused({"loops": Bad()}) == "neither"
        _core.enable({})
        assert _core.is_enabled()
        _core.enable({"threshold": 5, "unknown": 1})
        _core.disable()
        _core.disable()
        assert not _core.is_enabled()
    """)


def test_functions_are_wanted(script: Script) -> None:
    script("""
        from whipsnake import _core
        for call in (_core.compile, _core.tier, _core.why, _core.exits, lambda f: _core.mark(f, "jit")):
            for value in (len, 5, C := type("C", (), {}), C().__init__):
                try:
                    call(value)
                except TypeError as e:
                    assert str(e).startswith("expected a Python function, got "), e
                else:
                    raise AssertionError((call, value))
        for arguments in ((), (empty,), (empty, 5), (empty, "jit", 1)):
            try:
                _core.mark(*arguments)
            except TypeError as e:
                assert str(e) == "mark() takes a function and 'jit' or 'nojit'"
        try:
            _core.mark(empty, "maybe")
        except ValueError as e:
            assert str(e) == "mark() takes 'jit' or 'nojit', not 'maybe'"
    """)


def test_statistics(script: Script) -> None:
    script("""
        import json
        off = whipsnake.stats()
        assert off["enabled"] is False and off["engine"] == "off" and json.loads(json.dumps(off)) == off
        whipsnake.enable(threshold=2)
        def f(x): return x + 1
        calls(f, 10, 1)
        one = whipsnake.stats()
        assert one["enabled"] is True and one["engine"] == "baseline" and one["entry"] == "vectorcall"
        assert one["functions_compiled"] >= 1 and one["compile_ns"] > 0 and one["code_bytes"] > 0
        assert one["code_bytes_peak"] >= one["code_bytes"]
        assert one["entries"] >= 8 and one["unavailable"] == {}
        calls(f, 100, 1)
        two = whipsnake.stats()
        assert two["entries"] >= one["entries"] + 100 and json.loads(json.dumps(two)) == two
    """)


def test_measuring(script: Script) -> None:
    script("""
        from whipsnake import _core
        source = "def f(a, b):\\n" + "".join(f" a = a + b * {i}\\n" for i in range(30)) + " return a"
        code = compile(source, "f", "exec").co_consts[0]
        for _ in range(200):
            result = _core.measure_compile(code)
        assert set(result) == {"instructions", "nanoseconds", "bytes", "declined"}
        assert result["declined"] is None
        assert 100 < result["instructions"] < 300 and 0 < result["nanoseconds"] < 10**9
        assert result["bytes"] > 500
        assert not whipsnake.is_enabled() and whipsnake.stats()["functions_compiled"] == 0
        gc.collect()
        assert whipsnake.stats()["code_bytes"] < 100_000  # what was measured is gone
        try:
            _core.measure_compile(empty)
        except TypeError as e:
            assert str(e) == "expected a code object, got function"
    """)


def test_perf_map(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=0, perf_map=True)
        def some_function(): return 1
        some_function()
        path = f"/tmp/perf-{os.getpid()}.map"
        try:
            lines = open(path).read().splitlines()
        finally:
            os.unlink(path)
        (line,) = [line for line in lines if "some_function" in line]
        address, size, name = line.split(" ", 2)
        assert int(address, 16) > 0 and int(size, 16) > 0
        assert name.startswith("whipsnake:baseline:some_function:")
    """)


def test_build_info(script: Script) -> None:
    script("""
        from whipsnake import _core
        info = _core.build_info()
        assert info["machine_code"] is True and info["python"].startswith("3.13") and info["engine_api"] >= 1
        rows = _core.opcodes()
        assert len({row["number"] for row in rows}) == len(rows) > 150
        assert all(row["handled"] or row["reason"] for row in rows)
        assert _core.engines() == ["baseline"]
    """)
