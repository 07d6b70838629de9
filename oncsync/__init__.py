"""oncsync keeps a local folder equal to what a manifest asks of Ocean Networks Canada's archive."""

__version__ = "0.1.0"
