"""Faults with names: what the real service may do wrong, or is not known to do right, at the turn of a switch.

A rule (`Fault`) says which fault hits which questions; `Faults` plays them, from Python or from a file.
"""

from .kinds import FaultsError, Stage
from .playing import Faults
from .reading import read_faults
from .rules import KINDS, Fault, list_faults
from .statuses import MOVED

__all__ = ["KINDS", "MOVED", "Fault", "Faults", "FaultsError", "Stage", "list_faults", "read_faults"]
