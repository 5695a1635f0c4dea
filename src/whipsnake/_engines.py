"""Engines by name: those built into the core, and those that other packages offer.

A package offers an engine through an entry point of the group ``whipsnake.engines``::

    [project.entry-points."whipsnake.engines"]
    myengine = "mypackage.engine"            # a module with a function engine_capsule()
    other = "mypackage.engine:make_other"    # or a callable; both return a PyCapsule

The name of the entry point is the name users ask for; it is looked up only when no engine of that name is
registered yet.
"""

from __future__ import annotations

from .options import OFF, OptionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINT_GROUP", "available", "ensure"]

ENTRY_POINT_GROUP = "whipsnake.engines"


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def available() -> list[str]:
    """Names that can be asked for: ``off``, the registered engines, and those of installed packages."""
    from . import _core

    names = [OFF, *_core.engines()]
    return names + sorted(set(_entry_points()) - set(names))


def ensure(name: str) -> None:
    """Make sure that the engine *name* is registered with the core, loading it from its package if need be.

    Raises:
        OptionError: no engine has that name, or its package does not keep to the rules above.
    """
    from . import _core

    if name in _core.engines():
        return
    point = _entry_points().get(name)
    if point is None:
        raise OptionError(f"unknown engine {name!r}; allowed: {', '.join(available())}")
    try:
        offered = point.load()
        make = offered if callable(offered) else offered.engine_capsule
        registered = _core.register_engine(make())
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise OptionError(f"engine {name!r} ({point.value}) could not be loaded: {detail}") from error
    if registered != name:
        raise OptionError(
            f"engine {name!r} ({point.value}) registered itself under another name, {registered!r}"
        )
