"""What people look at: status now; coverage and citations come here too."""

from oncsync.report.status import EntryStatus, FailureStatus, RequestStatus, Status, make_status

__all__ = ["EntryStatus", "FailureStatus", "RequestStatus", "Status", "make_status"]
