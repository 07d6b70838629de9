"""The manifest: load, validate, edit with comments kept."""

from oncsync.manifest.edit import format_manifest, write_manifest
from oncsync.manifest.load import find_manifest, load_manifest, local_path, lock_path
from oncsync.manifest.mapping import download_mapping, manifest_mapping, request_mapping, settings_mapping
from oncsync.manifest.meaning import effective_split, entry_digest, filter_digest
from oncsync.manifest.model import Download, Events, Manifest, Near, Place, Request, Settings
from oncsync.manifest.rows import format_rows
from oncsync.manifest.starter import starter_manifest

__all__ = [
    "Download",
    "Events",
    "Manifest",
    "Near",
    "Place",
    "Request",
    "Settings",
    "download_mapping",
    "effective_split",
    "entry_digest",
    "filter_digest",
    "find_manifest",
    "format_manifest",
    "format_rows",
    "load_manifest",
    "local_path",
    "lock_path",
    "manifest_mapping",
    "request_mapping",
    "settings_mapping",
    "starter_manifest",
    "write_manifest",
]
