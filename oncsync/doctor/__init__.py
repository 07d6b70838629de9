"""The self-check: what stands between a person and their files, one finding each, and what to do about it."""

from oncsync.doctor.examine import Subject, examine
from oncsync.doctor.findings import FINDING_NAMES, Finding, Report
from oncsync.doctor.machine import Machine

__all__ = ["FINDING_NAMES", "Finding", "Machine", "Report", "Subject", "examine"]
