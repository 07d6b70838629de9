"""oncsync keeps a local folder equal to what a manifest asks of Ocean Networks Canada's archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oncsync.discovery import Discovery, discover
    from oncsync.project import Project
    from oncsync.results import HeldFile, ProjectFile, ResolveResult, SyncResult

__version__ = "0.1.0"
__all__ = ["Discovery", "HeldFile", "Project", "ProjectFile", "ResolveResult", "SyncResult", "__version__", "discover"]
_ROOMS = {"Discovery": "discovery", "Project": "project", "discover": "discovery"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        import importlib

        return getattr(importlib.import_module(f"oncsync.{_ROOMS.get(name, 'results')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
