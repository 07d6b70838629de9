"""What exists at ONC: places, instruments, data products, and when there are data.

Rules are pure functions of what the service told; `questions` alone asks it.
"""

from __future__ import annotations

from oncsync.catalogue.coverage import CoverageRow, Step, Stretch, coverage_rows, stretches
from oncsync.catalogue.filters import Filters, given_filters, read_filters
from oncsync.catalogue.looking import KINDS, Found, Kind, look
from oncsync.catalogue.products import OptionRow, ProductRow, PropertyRow
from oncsync.catalogue.questions import Questions, Source
from oncsync.catalogue.rows import CategoryRow, DeploymentRow, DeviceRow, PlaceRow, Row, TreeRow

__all__ = [
    "KINDS",
    "CategoryRow",
    "CoverageRow",
    "DeploymentRow",
    "DeviceRow",
    "Filters",
    "Found",
    "Kind",
    "OptionRow",
    "PlaceRow",
    "ProductRow",
    "PropertyRow",
    "Questions",
    "Row",
    "Source",
    "Step",
    "Stretch",
    "TreeRow",
    "coverage_rows",
    "given_filters",
    "look",
    "read_filters",
    "stretches",
]
