"""An embedded imitation of the Oceans 3.0 service, for demonstrations and tests.

It answers discovery and delivery on 127.0.0.1 as the real service is known to (onc-api.md section 5), from a small
catalogue, with files that are made while they are sent. It needs the standard library alone.
"""

from .catalogue import Catalogue, read_catalogue
from .replies import Content, Reply, content_of, json_reply, page_reply
from .service import Asked, Sandbox

__all__ = [
    "Asked",
    "Catalogue",
    "Content",
    "Reply",
    "Sandbox",
    "content_of",
    "json_reply",
    "page_reply",
    "read_catalogue",
]
