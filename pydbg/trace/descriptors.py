"""What a descriptor is, beyond its path (``-yy``)."""

from __future__ import annotations

__all__ = ["details"]


def details(tid: int, fd: int) -> str | None:
    """Return what stands between the angle brackets, None where the path says it all."""
    return None
