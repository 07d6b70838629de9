"""Which archive files of a listing an entry means, and which of its filters keeps none. Pure.

Sources: R166, R171, R176, R177, R179, open questions 28 and 29. What a listing does not tell of a file takes no file
away, its product aside: whoever names products gets no file of an unknown one.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from oncsync.api.records import ArchiveFile
from oncsync.manifest import Download
from oncsync.sizes import parse_size, size_text
from oncsync.spelling import enumerate_codes, enumerate_values

MOST_NAMES_SHOWN = 3


class FileFilter(msgspec.Struct, frozen=True):
    """One key of an entry: what it keeps, and how to tell what there would have been."""

    key: str
    keeps: Callable[[ArchiveFile], bool]
    describe: Callable[[Sequence[ArchiveFile]], str]


class Products(msgspec.Struct, frozen=True):
    """The product codes that an entry wants (None: any) and those that it drops."""

    wanted: frozenset[str] | None = None
    dropped: frozenset[str] = frozenset()

    @property
    def only(self) -> str | None:
        """The one code that is wanted, which the service can be asked for; None when there are several or none."""
        return next(iter(self.wanted)) if self.wanted is not None and len(self.wanted) == 1 else None


def filters_of(download: Download, products: Products) -> list[FileFilter]:
    """Gives the filters that an entry has, in the order in which they are applied."""
    filters = []
    if products.wanted is not None:
        wanted = products.wanted
        key = "dataProductCode" if download.data_product_codes else "dataProductName"
        filters.append(FileFilter(key, lambda file: file.data_product_code in wanted, _describe_products))
    if download.extensions:
        endings = _endings(download.extensions)
        filters.append(FileFilter("extension", lambda file: has_ending(file, endings), _describe_extensions))
    if download.match:
        matches = _any_of(download.match)
        filters.append(FileFilter("match", lambda file: matches(file.name), _describe_names))
    if download.not_match:
        matches_not = _any_of(download.not_match)
        filters.append(FileFilter("notMatch", lambda file: not matches_not(file.name), _describe_names))
    if download.min_size is not None:
        least = parse_size(download.min_size)
        filters.append(FileFilter("minSize", lambda file: (size_of(file) or least) >= least, _describe_sizes))
    if download.max_size is not None:
        most = parse_size(download.max_size)
        filters.append(FileFilter("maxSize", lambda file: (size_of(file) or 0) <= most, _describe_sizes))
    dropped = _endings(download.exclude.get("extension", ()))
    if dropped or products.dropped:
        filters.append(
            FileFilter(
                "exclude",
                lambda file: file.data_product_code not in products.dropped and not has_ending(file, dropped),
                lambda files: f"{_describe_products(files)}, {_describe_extensions(files)}",
            )
        )
    return filters


def apply_filters(files: Iterable[ArchiveFile], filters: Sequence[FileFilter]) -> list[ArchiveFile]:
    """Gives the files that pass every filter, in their order."""
    return [file for file in files if all(one.keeps(file) for one in filters)]


def explain_nothing(files: Sequence[ArchiveFile], filters: Sequence[FileFilter]) -> tuple[str, str, str] | None:
    """Gives which key drops the last of the files, a sentence on it, and what there is; None when some are kept."""
    left = list(files)
    for one in filters:
        kept = [file for file in left if one.keeps(file)]
        if left and not kept:
            which = "the only file" if len(left) == 1 else f"all {len(left):,} files"
            rest = "" if len(left) == len(files) else " that its other filters keep"
            return one.key, f"`{one.key}` drops {which}{rest}", one.describe(left)
        left = kept
    return None


def size_of(file: ArchiveFile) -> int | None:
    """Gives how long a download is expected to be, in bytes, None when it is not known (open question 28)."""
    return file.delivered_size or file.stored_size or None


def split_name(name: str) -> tuple[str, str]:
    """Gives what stands before the last dot of a name and what behind it, in lower case; no dot, no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot else (name, "")


def has_ending(file: ArchiveFile, endings: tuple[str, ...]) -> bool:
    """Whether a name ends in one of the endings, which begin with a dot."""
    return file.name.lower().endswith(endings) if endings else False


def prefer_files(files: Sequence[ArchiveFile], prefer: Sequence[str]) -> list[ArchiveFile]:
    """Gives, of files that are one recording in several formats, those of the most preferred that exists.

    One recording: files of one product whose names differ behind the last dot alone. Those of extensions that are not
    named come last; several of them stay together.
    """
    ranks = {extension.removeprefix(".").lower(): rank for rank, extension in reversed(list(enumerate(prefer)))}
    best: dict[tuple[str | None, str], int] = {}
    ranked = []
    for file in files:
        stem, extension = split_name(file.name)
        key, rank = (file.data_product_code, stem), ranks.get(extension, len(ranks))
        best[key] = min(best.get(key, rank), rank)
        ranked.append((file, key, rank))
    return [file for file, key, rank in ranked if rank == best[key]]


def _endings(extensions: Iterable[str]) -> tuple[str, ...]:
    return tuple(f".{extension.removeprefix('.').lower()}" for extension in extensions)


def _any_of(globs: Iterable[str]) -> Callable[[str], bool]:
    match = re.compile("|".join(fnmatch.translate(glob) for glob in globs)).match
    return lambda name: match(name) is not None


def _describe_products(files: Sequence[ArchiveFile]) -> str:
    codes = {file.data_product_code for file in files if file.data_product_code}
    return f"they are of {enumerate_codes(codes)}" if codes else "ONC does not tell their products"


def _describe_extensions(files: Sequence[ArchiveFile]) -> str:
    return f"they end in {enumerate_codes({split_name(file.name)[1] for file in files})}"


def _describe_names(files: Sequence[ArchiveFile]) -> str:
    return f"they are called {enumerate_values([file.name for file in files], MOST_NAMES_SHOWN)}"


def _describe_sizes(files: Sequence[ArchiveFile]) -> str:
    sizes = [size for file in files if (size := size_of(file)) is not None]
    return f"they have {size_text(min(sizes))} to {size_text(max(sizes))}"
