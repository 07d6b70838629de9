"""An embedded imitation of the Oceans 3.0 service, for demonstrations and tests.

It answers discovery, delivery and archive services on 127.0.0.1 as the real service is known to (onc-api.md section
5), from a small catalogue, with files that are made while they are sent. It needs the standard library alone.
"""

from .asked import Asked
from .catalogue import Catalogue, read_catalogue
from .delivery import Beyond
from .faults import Fault, Faults, FaultsError, list_faults, read_faults
from .replies import Content, Reply, content_of, json_reply, page_reply
from .service import Sandbox

__all__ = [
    "Asked",
    "Beyond",
    "Catalogue",
    "Content",
    "Fault",
    "Faults",
    "FaultsError",
    "Reply",
    "Sandbox",
    "content_of",
    "json_reply",
    "list_faults",
    "page_reply",
    "read_catalogue",
    "read_faults",
]
