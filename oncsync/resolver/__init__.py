"""Manifest and discovery to lock."""

from oncsync.resolver.findings import Remark
from oncsync.resolver.resolve import Failure, Resolution, resolve_manifest

__all__ = ["Failure", "Remark", "Resolution", "resolve_manifest"]
