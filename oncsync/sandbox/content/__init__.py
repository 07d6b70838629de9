"""The files that an order delivers: names at once, bytes while they are sent, the same every time."""

from .layout import Delivered, ProductFile, lay_out

__all__ = ["Delivered", "ProductFile", "lay_out"]
