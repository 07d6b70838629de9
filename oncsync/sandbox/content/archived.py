"""The bytes of archive files: lengths known before the first byte is made, other bytes in every edition."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..catalogue import Catalogue
from ..replies import Content
from ..shelves import DAY, ArchiveFile, mixed, name_of
from .arrays import mat_content
from .audio import OWN_RATE, flac_content, wav_content
from .canvas import padded_png
from .filler import filler_content
from .hdf5 import counts_content
from .plots import spectrogram_content
from .series import Measured, Stretch, sensors_of
from .spectra import spectra_mat_content, spectra_text_content
from .tables import csv_content, log_content

COMPRESSED = frozenset({"txt", "log", "csv", "fft"})
"""Extensions of text, which the archive keeps as `gz` and delivers without."""

_FINE = 10_000
_RATE_STEP = 96
_SMALLEST_PICTURE = 24_000
_NOTE = "This file replaces an earlier one"

Maker = Callable[[Catalogue, ArchiveFile, int], Content]


def archived_content(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    """Gives what an archive file holds in its first edition (0) or a later one."""
    make = _MAKERS.get(file.shelf.rule.extension, _filler)
    return make(catalogue, file, edition)


def alike(file: ArchiveFile, edition: int) -> tuple[object, ...] | None:
    """Gives what the length of a file's content follows from, equal for whole files of a day; None for other files."""
    every = file.shelf.rule.every * 1000
    offset = file.shelf.rule.offset * 1000
    if file.begin % every != offset or file.end - file.begin != every - offset:
        return None
    return file.shelf, file.begin // DAY, edition


def _seed(file: ArchiveFile, edition: int) -> str:
    return f"{name_of(file)}/{edition}"


def _measured(catalogue: Catalogue, file: ArchiveFile) -> Measured:
    deployment, rule = file.shelf.deployment, file.shelf.rule
    name = next(product.name for product in catalogue.products if product.code == rule.product)
    part = Stretch(
        deployment.device, deployment.depth, file.begin, file.end, deployment.lat, deployment.lon, file.begin, file.end
    )
    return Measured(
        title=(f"{name} ({rule.product})", deployment.device.code),
        parts=(part,),
        step=1000 * deployment.device.kind.period if rule.every * 1000 == DAY else _FINE,
        sensors=tuple(sensors_of(catalogue, (deployment,), None)),
        clean=True,
    )


def _after(line: str, content: Content) -> Content:
    encoded = line.encode()

    def blocks() -> Iterator[bytes]:
        yield encoded
        yield from content.blocks()

    return Content(len(encoded) + content.length, blocks)


def _table(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    make = csv_content if file.shelf.rule.extension == "csv" else log_content
    content = make(_measured(catalogue, file))
    return _after(f"# {_NOTE}\n", content) if edition else content


def _spectra_text(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    content = spectra_text_content(_seed(file, edition), file.begin, file.end)
    return _after(f"# {_NOTE}\n", content) if edition else content


def _sound(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    make = wav_content if file.shelf.rule.extension == "wav" else flac_content
    return make(_seed(file, edition), OWN_RATE + _RATE_STEP * edition)


def _arrays(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    if file.shelf.rule.product != "HSD":
        return mat_content(_measured(catalogue, file))
    device = file.shelf.deployment.device.code
    return spectra_mat_content(_seed(file, edition), device, file.begin, file.end, _NOTE if edition else "")


def _picture(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    size = _SMALLEST_PICTURE + _varied(file, edition, 8_000)

    def blocks() -> Iterator[bytes]:
        title = f"{name_of(file)} - sandbox: invented"
        drawn = b"".join(spectrogram_content(title, _seed(file, edition), file.begin, file.end, "0").blocks())
        yield padded_png(drawn, size)

    return Content(size, blocks)


def _records(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    """Gives counts of a module; a later edition has one column more."""
    columns = 4 + mixed(file.shelf.seed, 0) % 9 + edition
    return counts_content(_seed(file, edition), file.begin, file.end, columns)


def _filler(catalogue: Catalogue, file: ArchiveFile, edition: int) -> Content:
    size = 10_000 + _varied(file, edition, 50_000)
    return filler_content(name_of(file), file.shelf.rule.extension, _seed(file, edition), size)


def _varied(file: ArchiveFile, edition: int, most: int) -> int:
    """Gives a number that the files of one day share, so that a day's sizes are known from one file."""
    return mixed(file.shelf.seed + edition, file.begin // DAY) % most


_MAKERS: dict[str, Maker] = {
    "txt": _table, "log": _table, "csv": _table, "fft": _spectra_text, "wav": _sound, "flac": _sound,
    "mat": _arrays, "png": _picture, "hdf5": _records,
}  # fmt: skip
