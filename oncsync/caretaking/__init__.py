"""What keeps a folder in good order, given a `Project`: verify, prune, adopt, drop, sums, origins.

from oncsync import Project
from oncsync.caretaking import verify

result = verify(Project("oncsync.yaml"))
for finding in result.findings:
    print(finding.path, finding.kind)
"""

from oncsync.caretaking.adopting import AdoptResult, adopt, find_to_adopt
from oncsync.caretaking.archived import ArchiveAnswer, ArchiveQuestion, ask_archive
from oncsync.caretaking.cancelling import Cancelled, cancel_orders
from oncsync.caretaking.dropping import DropFile, RestoreFile, drop, find_to_drop, find_to_restore, restore
from oncsync.caretaking.foreseeing import Foresight, foresee
from oncsync.caretaking.matching import FoundFile
from oncsync.caretaking.orders import LiveOrder, ask_about_orders, choose_orders, live_orders
from oncsync.caretaking.origins import FileOrigin, Origin, find_origin
from oncsync.caretaking.outdated import OutdatedResult, StaleChunk, find_outdated
from oncsync.caretaking.pruning import PruneResult, find_unwanted, prune
from oncsync.caretaking.selecting import Selection
from oncsync.caretaking.sums import SUMS_NAME, sums_text, write_sums
from oncsync.caretaking.verifying import RepairResult, VerifyResult, repair, verify
from oncsync.engine.checks import Finding, Sample
from oncsync.engine.pruning import PruneFile, chunks_to_prune

__all__ = [
    "SUMS_NAME",
    "AdoptResult",
    "ArchiveAnswer",
    "ArchiveQuestion",
    "Cancelled",
    "DropFile",
    "FileOrigin",
    "Finding",
    "Foresight",
    "FoundFile",
    "LiveOrder",
    "Origin",
    "OutdatedResult",
    "PruneFile",
    "PruneResult",
    "RepairResult",
    "RestoreFile",
    "Sample",
    "Selection",
    "StaleChunk",
    "VerifyResult",
    "adopt",
    "ask_about_orders",
    "ask_archive",
    "cancel_orders",
    "choose_orders",
    "chunks_to_prune",
    "drop",
    "find_origin",
    "find_outdated",
    "find_to_adopt",
    "find_to_drop",
    "find_to_restore",
    "find_unwanted",
    "foresee",
    "live_orders",
    "prune",
    "repair",
    "restore",
    "sums_text",
    "verify",
    "write_sums",
]
