"""Lets `python -m oncsync` be the same as `oncsync`."""

from oncsync.cli import main

if __name__ == "__main__":
    main()
