"""Prints where the files of a demo lie and what to type next: `python examples/after_demo.py FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from oncsync import Project

MANIFEST = Path(__file__).with_name("quickstart.yaml")


def size(number: int) -> str:
    """Gives bytes for people, in units of 1000."""
    return f"{number} B" if number < 1000 else f"{number / 1000:,.0f} kB" if number < 1e6 else f"{number / 1e6:.1f} MB"


def places(folder: Path) -> Iterator[str]:
    """Yields a line for each folder with files in it and one for the files: how many, their size, the first name."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    files = [entry for entry in entries if entry.is_file()]
    if files:
        count = f"{len(files)} file{'s' if len(files) > 1 else ''}"
        yield f"  {folder}{os.sep}"
        yield f"      {count}, {size(sum(file.stat().st_size for file in files))}: {shortened(files[0].name)}"
    for entry in entries:
        if entry.is_dir():
            yield from places(entry)


def shortened(name: str, most: int = 84) -> str:
    """Gives a long name with its middle left out."""
    return name if len(name) <= most else f"{name[: most - 40]}...{name[-37:]}"


def command(name: str) -> str:
    """Gives what to type for a program that lies beside this Python."""
    path = Path(sys.executable).parent / name
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def main(folder: Path) -> None:
    """Prints the folders, the number of files that are recorded, and the next steps."""
    held = Project(MANIFEST, folder=str(folder)).files()
    described = sum(file.is_metadata for file in held)
    oncsync = command("oncsync")
    place = f"-m {os.path.relpath(MANIFEST)} --folder {folder}"
    steps = [
        (f"{oncsync} status {place}", "what is here, request by request"),
        (f"{oncsync} sync {place}", "run it again: nothing is ordered twice"),
        (
            f"{oncsync} init -m {Path('..', 'my-data', 'oncsync.yaml')}",
            "start a manifest of your own, on ONC's real data",
        ),
        (f"{oncsync} --help", "everything else"),
    ]
    print("\nThe files are here:\n")
    print("\n".join(places(folder)))
    print(
        f"\n{len(held) - described} files, and {described} that describe them (in the folders named `_meta`)."
        f"\nWhat is known of each: {folder / '.oncsync' / 'state.json'}\n\nWhat to type next:\n"
    )
    for typed, meaning in steps:
        print(f"  {typed}\n      {meaning}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
