"""The programs that test_as_python.py runs with ``python`` and with ``whipsnake``, by file name."""

FACTS = """
import os, signal, sys, threading
def show(name, value): print(f"{name}: {value!r}")
show("argv", sys.argv)
show("orig_argv", sys.orig_argv)
show("path", sys.path)
show("flags", sys.flags)
show("executable", (sys.executable, sys.prefix, sys.exec_prefix, sys.base_prefix))
show("xoptions", (sys._xoptions, sys.warnoptions))
show("environ", dict(os.environ))
show("boot", [n for n in [*sys.path_importer_cache, *sys.modules] if "boot" in n and "import" not in n])
streams = (sys.stdin, sys.stdout, sys.stderr)
show("streams", [(s.encoding, s.errors, s.line_buffering, s.write_through) for s in streams])
show("signals", [(s, signal.getsignal(s)) for s in signal.valid_signals()])
show("mask", signal.pthread_sigmask(signal.SIG_BLOCK, []))
show("threads", threading.active_count())
show("hooks", (sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__))
show("tracing", (sys.gettrace(), sys.getprofile()))
show("meta_path", (sys.meta_path, sys.path_hooks))
show("limits", (sys.getrecursionlimit(), sys.getswitchinterval()))
show("open files", sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None)
main = dict(vars(sys.modules["__main__"]))
show("main", {k: v for k, v in main.items() if k.startswith("__") and k != "__loader__"})
show("loader", (main["__loader__"].__class__, getattr(main["__loader__"], "path", None)))
launcher = ("argparse", "whipsnake._cli", "whipsnake._launch", "sitecustomize", "runpy")
show("launcher", [name for name in launcher if name in sys.modules])
try:
    sys._getframe(1)
except ValueError as error:
    show("caller", error)
else:
    f, names = sys._getframe(1), []
    while f:
        names.append(f.f_code.co_filename)
        f = f.f_back
    show("callers", names)
def deep(n):
    try:
        return deep(n + 1)
    except RecursionError:
        return n
show("depth", deep(0))
"""

# The command runs an interpreter ahead of the program's; what both run is to be seen of the second only.
ONLY_PROGRAM = """
        import sys
        if 'whipsnake' not in str(sys.orig_argv[:4]):"""

FILES = {
    "facts.py": FACTS,
    "hello.py": "print('hello')\n",
    "boom.py": "def f(x):\n    return 1 / x\n\nf(0)\n",
    "syntax.py": "print('not reached')\nif x\n    pass\n",
    "indent.py": "def f():\nreturn 1\n",
    "nul.py": "print(1)\n\0\n",
    "coding.py": b"# coding: latin-1\nprint(ascii('\xe9'))\n",
    "badcoding.py": b"print('\xff')\n",
    "bom.py": b"\xef\xbb\xbfprint('bom')\n",
    "pkg/__init__.py": "print('pkg', __name__)\n",
    "pkg/__main__.py": "import sys\nprint(__name__, __package__, __spec__.name, sys.argv)\n",
    "pkg/facts.py": FACTS,
    "pkg/boom.py": "from pkg import nothing_here\n",
    "plain/__init__.py": "",
    "broken/__init__.py": "raise ValueError('in __init__')\n",
    "broken/__main__.py": "",
    "folder/__main__.py": FACTS,
    "boomfolder/__main__.py": "import helper\nhelper.f()\n",
    "boomfolder/helper.py": "def f():\n    raise LookupError('helper')\n",
    "empty/nothing.txt": "",
    "with space/scr ipt.py": "import sys\nprint(sys.argv, __file__)\n",
    "first.py": "#!/usr/bin/env nonsense that is not python\nprint('first line skipped')\n",
    "exits.py": "import sys\nsys.exit(eval(sys.argv[1]))\n",
    "group.py": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\n",
    "chain.py": """
        def f():
            try:
                {}['k']
            except KeyError as error:
                raise RuntimeError('second') from error
        try:
            f()
        except RuntimeError:
            raise SystemError('third')
        """,
    "hook.py": """
        import sys
        def hook(kind, error, tb):
            n = 0
            while tb:
                n += 1
                tb = tb.tb_next
            print('hook', kind.__name__, error, n, error.__traceback__.tb_frame.f_code.co_name)
        sys.excepthook = hook
        raise ValueError('x')
        """,
    "badhook.py": """
        import sys
        def hook(*args):
            raise KeyError('in hook')
        sys.excepthook = hook
        raise ValueError('x')
        """,
    "exithook.py": """
        import sys
        def hook(*args):
            sys.exit(5)
        sys.excepthook = hook
        raise ValueError('x')
        """,
    "last.py": """
        import atexit, sys, traceback
        @atexit.register
        def _():
            print(type(sys.last_exc), sys.last_exc.__traceback__.tb_lineno, sys.last_traceback.tb_lineno)
            traceback.print_last(file=sys.stdout)
            print(sorted(n for n in globals() if n.startswith('__')))
        def f():
            raise OSError(3)
        f()
        """,
    "atexits.py": """
        import atexit, sys, threading, time
        atexit.register(print, 'registered first')
        atexit.register(lambda: sys.exit(7))
        atexit.register(lambda: 1 / 0)
        atexit.register(print, 'registered last')
        def work():
            time.sleep(0.05)
            print('thread done')
        threading.Thread(target=work).start()
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        class D:
            def __del__(self): print('del', __name__)
        d = D()
        print('main done')
        """,
    "threadboom.py": """
        import threading
        t = threading.Thread(target=lambda: 1 / 0, name='T')
        t.start()
        t.join()
        """,
    "interrupt.py": """
        import os, signal
        def f():
            os.kill(os.getpid(), signal.SIGINT)
            while True: pass
        f()
        """,
    "interrupted.py": "raise KeyboardInterrupt('by hand')\n",
    "terminate.py": """
        import os, signal
        print('x', flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        while True: pass
        """,
    "recurse.py": "def f(n):\n    f(n + 1)\nf(0)\n",
    "warn.py": """
        import warnings
        warnings.warn('here', stacklevel=5)
        warnings.warn('there')
        assert False, 'asserted'
        """,
    "pickles.py": """
        import pickle
        class C: pass
        print(pickle.loads(pickle.dumps(C())).__class__, C.__module__, pickle.dumps(C))
        """,
    "spawn.py": """
        import multiprocessing as mp, os, sys
        def child(x):
            passed_on = sorted(n for n in os.environ if 'WHIPSNAKE' in n or n == 'PYTHONPATH')
            return x * 2, __name__, sys.argv, passed_on
        if __name__ == '__main__':
            for how in ('spawn', 'fork', 'forkserver'):
                with mp.get_context(how).Pool(1) as pool:
                    print(how, pool.map(child, [1, 2]))
        """,
    "child.py": """
        import subprocess, sys
        for code in ('import sys; print(sys.argv, sys.path)', 'import os; print(dict(os.environ))'):
            print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout)
        """,
    "source.py": """
        import inspect, linecache, sys
        def f():
            return 1
        print(inspect.getsource(f), linecache.getline(__file__, 2), inspect.getfile(f), len(inspect.stack()))
        print(inspect.getmodule(f), inspect.getsourcefile(f))
        """,
    "reads.py": "import sys\nprint(sys.stdin.read().upper(), sys.stdin.name)\n",
    "streams.py": "import sys\nprint(sys.stdin, sys.stderr)\n",
    "reimport.py": """
        import sys
        print(__name__)
        if __name__ == '__main__':
            import reimport
            print(sys.modules['__main__'] is reimport)
        """,
    "annotated.py": "x: int = 1\nprint(__annotations__, __builtins__)\n",
    "tracing.py": """
        import sys
        seen = []
        sys.setprofile(lambda frame, event, arg: seen.append((event, frame.f_code.co_name)))
        (lambda: len('x'))()
        sys.setprofile(None)
        print(seen)
        """,
    "subinterpreter.py": """
        try:
            import _interpreters
        except ImportError:
            import _xxsubinterpreters as _interpreters
        i = _interpreters.create()
        facts = "sys.path, sys.argv, sorted(os.environ), sys.path_importer_cache.keys()"
        print(_interpreters.run_string(i, f"import os, sys; print({facts})"))
        _interpreters.destroy(i)
        """,
    "custom/sitecustomize.py": ONLY_PROGRAM
    + """
            print('sitecustomize', __name__, __file__, __spec__.name, sys.modules[__name__].__file__)
        """,
    "custom/usercustomize.py": "print('usercustomize')\n",
    "badcustom/sitecustomize.py": ONLY_PROGRAM
    + """
            raise ValueError('in sitecustomize')
        """,
    "missingcustom/sitecustomize.py": ONLY_PROGRAM
    + """
            import no_such_module
        """,
    "quiet/sitecustomize.py": "import sys\nsys.marker = 'set'\n",
    "marker.py": "import sys\nprint(sys.marker, sys.modules['sitecustomize'])\n",
    "later.py": "import sitecustomize\n",
}
