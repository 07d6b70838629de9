"""What a question needs of whoever carries it to the service: a session, or one that remembers answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from oncsync.api.answers import Answer


class Asker(Protocol):
    """Carries questions to one service; each method does what `Session`'s does."""

    @property
    def host(self) -> str: ...

    def get_json(self, path: str, params: Mapping[str, str], *, attempts: int | None = None) -> Answer: ...

    def redact(self, text: str) -> str: ...

    def tell(self, message: str) -> None: ...

    def service_now(self) -> datetime: ...
