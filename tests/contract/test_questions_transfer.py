"""Open questions 1 to 6: whether a transfer is complete. Each answer the contract leaves open is played to its end.

`Stage.sync_once` checks after every play: bounded questions, no token anywhere, nothing half in `partial/`, no file of
anyone touched. Faults that pass must end in whole files; faults that stay must end as faults, never as files or as
"no data", and the next sync must go on from there.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from typing import Any

from tests.contract.questions import BODY, PLAYED, TRIES, WORKING, Stage, cases
from tests.support.scripted import Asked, Reply
from tests.support.world import TOKEN

WHOLE = Reply.of_file(BODY, "a.csv")
SHA256 = hashlib.sha256(BODY).hexdigest()


def check_fault_that_passes(stage: Stage, fault: Reply) -> None:
    """The fault comes once, then the whole file: one more question, and nothing else is to be seen of it."""
    stage.deliver({"1": [fault, WHOLE]})
    ended = stage.sync_once()
    assert (ended.exit_code, ended.outcome) == (0, "done")
    assert stage.files() == {"a.csv": BODY}
    assert ended.indexes.count("1") == 2
    assert ended.orders == 1


def check_fault_that_stays(stage: Stage, fault: Reply, tries: int = TRIES) -> str:
    """The fault comes for ever: a bounded number of questions, no file, no "empty"; the next sync mends it.

    Where the connection itself breaks, it may look as if nobody were there: exit code 5, and the order stays.
    """
    stage.deliver({"1": fault})
    ended = stage.sync_once()
    if ended.exit_code == 5 and (fault.reset or fault.raw is not None):
        assert (ended.outcome, ended.chunk and ended.chunk.order is not None) == (None, True)
    else:
        assert (ended.exit_code, ended.outcome) == (3, "failed-retryable")
        assert stage.january_is_here()
    assert ended.indexes.count("1") == tries
    assert stage.files() == {}
    stage.deliver({"1": WHOLE})
    mended = stage.sync_once()
    assert (mended.exit_code, mended.outcome, mended.orders) == (0, "done", 0)
    assert stage.files() == {"a.csv": BODY}
    return ended.reason


# --- Q1 ------------------------------------------------------------------------------------------------------------


WRONG_LENGTHS = {
    "one byte short": Reply.of_file(BODY, "a.csv", cut=len(BODY) - 1),
    "nothing of it": Reply.of_file(BODY, "a.csv", cut=0),
    "one byte long": Reply.of_file(BODY, "a.csv", length=len(BODY) - 1, close=True),
    "twice as long": Reply.of_file(BODY * 2, "a.csv", length=len(BODY), close=True),
    "a length that is none": Reply.of_file(BODY, "a.csv", length="-5", close=True),
    "two lengths": Reply.of_file(BODY, "a.csv", length=f"{len(BODY)}, {len(BODY) - 1}", close=True),
}


class TestQ1NoChecksumAnywhere:
    """Q1: which size is authoritative? The length that came with the file; a hash of our own is kept."""

    def test_equal_to_the_announced_length_is_whole_and_has_a_hash_of_our_own(self, stage: Stage) -> None:
        stage.deliver({"1": WHOLE})
        assert stage.sync_once().outcome == "done"
        chunk = stage.february()
        assert chunk is not None
        assert [(file.bytes, file.sha256, file.unverified) for file in chunk.files] == [(len(BODY), SHA256, False)]

    @cases(WRONG_LENGTHS)
    def test_another_length_once(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_passes(stage, answer)

    @cases(WRONG_LENGTHS)
    def test_another_length_for_ever(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_stays(stage, answer)

    def test_a_file_that_never_gets_whole_costs_its_neighbour_nothing(self, stage: Stage) -> None:
        stage.deliver({"1": Reply.of_file(BODY, "a.csv"), "2": Reply.of_file(BODY, "b.csv", cut=100)}, 2)
        assert stage.sync_once().outcome == "failed-retryable"
        assert stage.files() == {"a.csv": BODY}
        stage.deliver({"2": Reply.of_file(BODY, "b.csv")}, 2)
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes.count("1")) == ("done", 0)
        assert stage.files() == {"a.csv": BODY, "b.csv": BODY}

    @cases(
        {
            "equal to the uncompressed size": {"fileSize": len(BODY), "compressedFileSize": 7},
            "equal to the stored size": {"fileSize": 10 * len(BODY), "compressedFileSize": len(BODY)},
            "equal to neither": {"fileSize": 1, "compressedFileSize": 2, "numFiles": 9},
            "no number": {"fileSize": "unknown", "compressedFileSize": None},
            "an estimate": {"estimatedFileSize": "151 kB"},
        }
    )
    def test_what_the_order_said_of_its_size_refuses_no_file(self, stage: Stage, answer: dict[str, Any]) -> None:
        """Sizes told before the files are there are no measure: never a loop, never a file thrown away."""
        stage.deliver({"1": WHOLE}, request=Reply.of_json({"dpRequestId": 28892270} | answer))
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes, ended.orders) == ("done", ["1", "2"], 1)
        assert stage.files() == {"a.csv": BODY}


# --- Q2 ------------------------------------------------------------------------------------------------------------


ENDS_EARLY = {
    "cut short of its length": Reply.of_file(BODY, "a.csv", cut=500),
    "reset": Reply.of_file(BODY, "a.csv", cut=500, reset=True),
    "cut between chunks": Reply.of_file(b"", "a.csv", chunks=[BODY[:500], BODY[500:]], cut=507),
    "cut inside a chunk": Reply.of_file(b"", "a.csv", chunks=[BODY], cut=500),
    "cut before the last mark": Reply.of_file(b"", "a.csv", chunks=[BODY], cut=len(BODY) + 7),
    "no byte, and so announced": Reply.of_file(b"", "a.csv"),
    "no byte and no length": Reply.of_file(b"", "a.csv", length=None),
    "no byte in chunks": Reply.of_file(b"", "a.csv", chunks=[]),
    "no answer at all": Reply(raw=b""),
}


class TestQ2LengthsAndEarlyEnds:
    """Q2: is `Content-Length` always there, and can a body end early without an error?"""

    @cases(
        {
            "a body that ends with the connection": Reply.of_file(BODY, "a.csv", length=None),
            "chunks": Reply.of_file(b"", "a.csv", chunks=[BODY[:7], BODY[7:]]),
        }
    )
    def test_a_clean_end_without_a_length_is_whole_but_marked(self, stage: Stage, answer: Reply) -> None:
        stage.deliver({"1": answer})
        assert stage.sync_once().outcome == "done"
        chunk = stage.february()
        assert chunk is not None
        assert [(file.sha256, file.unverified) for file in chunk.files] == [(SHA256, True)]
        assert stage.files() == {"a.csv": BODY}
        assert stage.sync_once().indexes == []

    @cases(ENDS_EARLY)
    def test_an_early_end_once(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_passes(stage, answer)

    @cases(ENDS_EARLY)
    def test_an_early_end_for_ever(self, stage: Stage, answer: Reply) -> None:
        """A file of no bytes is one too: nothing here says that there are no data."""
        check_fault_that_stays(stage, answer)


# --- Q3 ------------------------------------------------------------------------------------------------------------


def part(body: bytes, content_range: str) -> Reply:
    """Gives a part of a file."""
    reply = Reply.of_file(body, "a.csv", headers={"Content-Range": content_range})
    return reply._replace(status=206)


PARTS = {
    "the right offset": part(BODY[500:], f"bytes 500-{len(BODY) - 1}/{len(BODY)}"),
    "the whole": part(BODY, f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),
    "another offset": part(BODY[499:], f"bytes 499-{len(BODY) - 1}/{len(BODY)}"),
    "another total": part(BODY[500:], f"bytes 500-{len(BODY) - 1}/{len(BODY) + 1}"),
    "no range named": part(BODY[500:], ""),
}


class TestQ3Ranges:
    """Q3: no answer to a range can go wrong, because none is asked for: an interrupted file begins anew."""

    def test_a_whole_body_after_an_interruption_is_the_file(self, stage: Stage) -> None:
        """200 with the whole body, as the archive answers: no byte of the first try is in it."""
        ranges: list[str | None] = []
        answers = [Reply.of_file(b"?" * len(BODY), "a.csv", cut=2000), WHOLE]

        def first(asked: Asked) -> Reply:
            ranges.append(asked.headers.get("range") or asked.headers.get("if-range"))
            return answers.pop(0)

        stage.deliver({"1": first})
        assert stage.sync_once().outcome == "done"
        assert stage.files() == {"a.csv": BODY}
        assert ranges == [None, None]

    def test_a_part_that_an_earlier_sync_left_is_dropped_not_continued(self, stage: Stage) -> None:
        stage.deliver({"1": Reply.of_file(BODY, "a.csv", cut=500)})
        stage.sync_once()
        chunk = next(iter(stage.project()._read_state().chunks))
        left = stage.folder / ".oncsync" / "partial" / f"{chunk}-{PLAYED}-1.0123abcd.part"
        left.write_bytes(b"?" * 2000)
        stage.deliver({"1": WHOLE})
        assert stage.sync_once().outcome == "done"
        assert stage.files() == {"a.csv": BODY}

    @cases(PARTS)
    def test_a_part_that_nobody_asked_for_is_no_file(self, stage: Stage, answer: Reply) -> None:
        assert "206" in check_fault_that_stays(stage, answer)

    @cases(PARTS)
    def test_a_part_once(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_passes(stage, answer)

    def test_a_range_that_cannot_be_met_is_a_fault_of_that_file(self, stage: Stage) -> None:
        """416 to a question without a range: not asked again in this sync, and no data are thought lost."""
        check_fault_that_stays(stage, Reply.of_page("Range", 416, headers={"Content-Range": "bytes */0"}), tries=1)


# --- Q4 ------------------------------------------------------------------------------------------------------------


def coded(coding: str, pack: Callable[[bytes], bytes], reply: Reply) -> Reply:
    """Gives an answer with a content coding; its `Content-Length` is that of the coded body."""
    return reply._replace(body=pack(reply.body), headers={**reply.headers, "Content-Encoding": coding})


PACKED = gzip.compress(BODY, mtime=0)


class TestQ4ContentCoding:
    """Q4: whether the service codes JSON or files. Only the header decides; a `.gz` product stays what it is."""

    @cases(
        {"gzip": ("gzip", gzip.compress), "x-gzip": ("x-gzip", gzip.compress), "deflate": ("deflate", zlib.compress)}
    )
    def test_a_coded_file_is_decoded_and_not_measured_by_its_coded_length(
        self, stage: Stage, answer: tuple[str, Callable[[bytes], bytes]]
    ) -> None:
        stage.deliver({"1": coded(*answer, WHOLE)})
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("done", ["1", "2"])
        assert stage.files() == {"a.csv": BODY}

    @cases(
        {
            "by name and type": ("a.csv.gz", "application/gzip"),
            "by name": ("a.csv.gz", "text/plain"),
            "by its first bytes alone": ("a.fft", "text/plain"),
        }
    )
    def test_a_product_that_is_compressed_stays_compressed(self, stage: Stage, answer: tuple[str, str]) -> None:
        name, kind = answer
        stage.deliver({"1": Reply.of_file(PACKED, name, headers={"Content-Type": kind})})
        assert stage.sync_once().outcome == "done"
        assert stage.files() == {name: PACKED}

    def test_a_compressed_product_that_is_coded_too_is_decoded_once(self, stage: Stage) -> None:
        stage.deliver({"1": coded("gzip", gzip.compress, Reply.of_file(PACKED, "a.csv.gz"))})
        assert stage.sync_once().outcome == "done"
        assert stage.files() == {"a.csv.gz": PACKED}

    @cases(
        {
            "cut": Reply.of_file(PACKED[:-9], "a.csv", headers={"Content-Encoding": "gzip"}),
            "cut without a length": Reply.of_file(
                PACKED[:-9], "a.csv", headers={"Content-Encoding": "gzip"}, length=None
            ),
            "damaged": Reply.of_file(
                PACKED[:40] + b"????" + PACKED[44:], "a.csv", headers={"Content-Encoding": "gzip"}
            ),
            "not coded at all": Reply.of_file(BODY, "a.csv", headers={"Content-Encoding": "gzip"}),
            "a coding nobody asked for": Reply.of_file(BODY, "a.csv", headers={"Content-Encoding": "br"}),
            "nothing in it": coded("gzip", gzip.compress, Reply.of_file(b"", "a.csv")),
        }
    )
    def test_a_coding_that_cannot_be_undone_is_a_fault(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_stays(stage, answer)

    @cases({"gzip": ("gzip", gzip.compress), "deflate": ("deflate", zlib.compress)})
    def test_every_json_answer_may_be_coded(self, stage: Stage, answer: tuple[str, Callable[[bytes], bytes]]) -> None:
        """Discovery, `request`, `run`, 202 and 404 alike; the session asks for a coding only where JSON is wanted."""
        stage.dress = lambda reply: coded(*answer, reply) if "json" in reply.headers["Content-Type"] else reply
        stage.deliver({"1": [WORKING, WHOLE]})
        assert stage.sync_once().exit_code == 0
        assert stage.files() == {"a.csv": BODY}
        codings = {(asked.path.endswith("/download"), asked.headers["accept-encoding"]) for asked in stage.wire.asked}
        assert codings == {(True, "identity"), (False, "gzip, deflate")}


# --- Q5 ------------------------------------------------------------------------------------------------------------


def named(reply: Reply, name: str) -> Reply:
    """Gives an answer with a file's name."""
    return reply._replace(headers={**reply.headers, "Content-Disposition": f"attachement; filename={name}"})


PAGE = Reply.of_page(f"Maintenance token={TOKEN}")
REFUSAL = Reply.of_errors((5, f"gone wrong, token={TOKEN}", "x"), status=200)
STATE = WORKING._replace(status=200)
IN_PLACE = {
    "a page": PAGE,
    "a page named as the file": named(PAGE, "a.csv"),
    "a page that hides its type": Reply.of_file(PAGE.body, "a.csv"),
    "a page of another kind": Reply(200, b'<?xml version="1.0"?><html/>', {"Content-Type": "application/xhtml+xml"}),
    "an error body": REFUSAL,
    "an error body named as the file": named(REFUSAL, "a.csv"),
    "an error body named as JSON": named(REFUSAL, "a.json"),
    "an error body after a mark": REFUSAL._replace(body=b"\xef\xbb\xbf" + REFUSAL.body),
    "an empty list of errors": Reply.of_json({"errors": []}),
    "a state": STATE,
    "a state named as the file": named(STATE, "a.csv"),
    "a state without a message": Reply.of_json({"status": "running"}),
    "a failure": Reply.of_json({"status": "error", "message": f"token={TOKEN}"}),
}
PRODUCTS = {
    "a page": ("a.html", PAGE.body.replace(TOKEN.encode(), b"x"), "text/html"),
    "a page, loud": ("a.HTM", b"<HTML>report</HTML>", "text/html;charset=UTF-8"),
    "JSON with a state": ("a.json", b'{"status":"ok","message":"a measurement"}', "application/json"),
    "JSON with errors of its own": ("a.json", b'{"errors":[{"depth":1.5}]}', "application/json"),
    "GeoJSON": ("a.geojson", b'{"type":"FeatureCollection","features":[]}', "application/json"),
    "text in braces": ("a.txt", b"{not json}\n", "text/plain"),
    "XML": ("a.xml", b'<?xml version="1.0"?><data/>', "text/xml"),
}


class TestQ5ABodyThatIsNotTheFile:
    """Q5: a 200 with a page, an error or a state in it is a fault; products that resemble those are kept."""

    @cases(IN_PLACE)
    def test_something_else_once(self, stage: Stage, answer: Reply) -> None:
        check_fault_that_passes(stage, answer)

    @cases(IN_PLACE)
    def test_something_else_for_ever(self, stage: Stage, answer: Reply) -> None:
        assert check_fault_that_stays(stage, answer)

    def test_a_page_in_place_of_the_metadata_costs_no_data(self, stage: Stage) -> None:
        stage.write(stage.manifest.read_text().partition("downloads:\n")[2])
        stage.deliver({"1": WHOLE, "meta": PAGE})
        ended = stage.sync_once()
        assert (ended.exit_code, ended.outcome, ended.indexes.count("meta")) == (0, "done", TRIES)
        assert stage.files() == {"a.csv": BODY}
        assert ended.chunk is not None
        assert any(note.startswith("no metadata file") for note in ended.chunk.notes)

    @cases(PRODUCTS)
    def test_a_product_that_resembles_such_a_body_is_kept(self, stage: Stage, answer: tuple[str, bytes, str]) -> None:
        name, body, kind = answer
        stage.deliver({"1": Reply.of_file(body, name, headers={"Content-Type": kind})})
        ended = stage.sync_once()
        assert (ended.outcome, ended.indexes) == ("done", ["1", "2"])
        assert stage.files() == {name: body}


# --- Q6 ------------------------------------------------------------------------------------------------------------


class TestQ6Head:
    """Q6: what HEAD tells, and whether it counts as a download, need not be known: GET tells the same."""

    @cases({"405": Reply(405), "404": Reply(404), "410": Reply(410), "200": Reply(200, headers={"X-Count": "1"})})
    def test_nothing_depends_on_head(self, stage: Stage, answer: Reply) -> None:
        """A whole life: an order, a file that is late, one that is lost here and fetched again."""
        real = stage._answer

        def by_method(asked: Asked) -> Reply:
            return real(asked) if asked.method == "GET" else answer

        stage.wire._script = by_method
        stage.deliver({"1": [WORKING, WHOLE], "2": Reply.of_file(b"2", "b.csv")}, 2)
        assert stage.sync_once().outcome == "done"
        (stage.folder / "BACAX/CTD/TSSD_csv/2015/a.csv").unlink()
        assert stage.sync_once().indexes == ["1", "3"]
        assert stage.files() == {"a.csv": BODY, "b.csv": b"2"}
        assert {asked.method for asked in stage.wire.asked} == {"GET"}


def test_what_was_asked_for_a_file_is_its_run_and_index_and_nothing_else(stage: Stage) -> None:
    """Q3, Q6: no parameter or header of a guess goes with it."""
    stage.deliver({"1": WHOLE})
    stage.sync_once()
    asked = next(one for one in stage.wire.asked if one.query.get("dpRunId") == str(PLAYED))
    assert asked.query.keys() == {"dpRunId", "index", "token"}
    assert set(asked.headers) <= {"host", "user-agent", "accept", "accept-encoding", "connection"}
