"""The manifest: load, validate, edit with comments kept."""

from oncsync.manifest.model import Download, Events, Manifest, Near, Place, Request, Settings

__all__ = ["Download", "Events", "Manifest", "Near", "Place", "Request", "Settings"]
