"""Manifest and discovery to lock."""

from oncsync.resolver.findings import Remark
from oncsync.resolver.resolve import Failure, Resolution, manifest_digest, resolve_manifest

__all__ = ["Failure", "Remark", "Resolution", "manifest_digest", "resolve_manifest"]
