"""Who makes the bytes of which file: by extension, real where it is cheap, filler elsewhere."""

from __future__ import annotations

from ..orders import Order
from ..replies import Content
from .arrays import mat_content, netcdf_content
from .audio import OWN_RATE, flac_content, wav_content
from .documents import pdf_content
from .filler import filler_content
from .hdf5 import counts_content
from .plots import plot_content, spectrogram_content
from .series import Measured
from .spectra import spectra_mat_content, spectra_text_content
from .tables import csv_content, json_content, log_content, text_content

_CHANNELS = 6
_HEAT_PRODUCTS = frozenset({"HSPD", "RDCUP", "NDCP", "AAPTS", "SD", "IBPP", "IBTSPP"})


def series_content(order: Order, measured: Measured, name: str, seed: str) -> Content:
    """Makes a file of a generated product."""
    extension = order.product.extension
    begin, end = measured.parts[0].begin, measured.parts[-1].end
    if extension == "csv":
        return csv_content(measured)
    if extension in ("txt", "qaqc", "cor", "kml"):
        return text_content(measured)
    if extension == "json":
        return json_content(measured, encoding=order.option("dpo_jsonOutputEncoding") or "OM")
    if extension == "mat":
        return mat_content(measured)
    if extension == "nc":
        return netcdf_content(measured)
    if extension == "pdf":
        return pdf_content(measured)
    if extension == "png" and order.product.code in _HEAT_PRODUCTS:
        return spectrogram_content(_caption(name), seed, begin, end, _palette(order))
    if extension == "png":
        return plot_content(measured, measured.sensors, begin, end)
    return filler_content(name, extension, seed)


def device_content(order: Order, measured: Measured, name: str, seed: str) -> Content:
    """Makes a file that one device recorded."""
    extension = order.product.extension
    part = measured.parts[0]
    if extension in ("wav", "flac"):
        asked = int(float(order.option("dpo_audioDownsample") or "-1"))
        make = wav_content if extension == "wav" else flac_content
        return make(f"{seed}/{name}", asked if asked > 0 else OWN_RATE)
    if extension == "png":
        return spectrogram_content(_caption(name), f"{seed}/{name}", part.begin, part.end, _palette(order))
    if extension in ("txt", "log"):
        return log_content(measured)
    if extension == "csv":
        return csv_content(measured)
    if extension == "fft":
        return spectra_text_content(f"{seed}/{name}", part.begin, part.end)
    if extension == "mat" and order.product.code == "HSD":
        return spectra_mat_content(f"{seed}/{name}", part.device.code, part.begin, part.end)
    if extension == "mat":
        return mat_content(measured)
    if extension == "hdf5":
        return counts_content(f"{seed}/{name}", part.begin, part.end, _CHANNELS)
    if extension == "pdf":
        return pdf_content(measured)
    return filler_content(name, extension, seed)


def _caption(name: str) -> str:
    return f"{name} - sandbox: invented sound"


def _palette(order: Order) -> str:
    return order.option("dpo_spectrogramColourPalette") or order.option("dpo_backScatterColourmap") or "0"
