"""The module of the documented Python examples: `from downloadONC import createXLS, download`.

`python downloadONC.py createXLS ...` and `python -m downloadONC download ...` are the documented commands.
"""

from oncsync.compat import createXLS, download

__all__ = ["createXLS", "download"]

if __name__ == "__main__":
    from oncsync.cli.legacy import main

    main()
