"""What keeps a folder in good order, given a `Project`: verify, prune, sums, origins, live orders.

from oncsync import Project
from oncsync.caretaking import verify

result = verify(Project("oncsync.yaml"))
for finding in result.findings:
    print(finding.path, finding.kind)
"""

from oncsync.caretaking.cancelling import Cancelled, cancel_orders
from oncsync.caretaking.orders import LiveOrder, ask_about_orders, choose_orders, live_orders
from oncsync.caretaking.origins import FileOrigin, Origin, find_origin
from oncsync.caretaking.pruning import PruneResult, find_unwanted, prune
from oncsync.caretaking.sums import SUMS_NAME, sums_text, write_sums
from oncsync.caretaking.verifying import RepairResult, VerifyResult, repair, verify
from oncsync.engine.checks import Finding, Sample
from oncsync.engine.pruning import PruneFile, chunks_to_prune

__all__ = [
    "SUMS_NAME",
    "Cancelled",
    "FileOrigin",
    "Finding",
    "LiveOrder",
    "Origin",
    "PruneFile",
    "PruneResult",
    "RepairResult",
    "Sample",
    "VerifyResult",
    "ask_about_orders",
    "cancel_orders",
    "choose_orders",
    "chunks_to_prune",
    "find_origin",
    "find_unwanted",
    "live_orders",
    "prune",
    "repair",
    "sums_text",
    "verify",
    "write_sums",
]
