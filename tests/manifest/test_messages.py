"""A manifest that is wrong: every mistake, its place, what was found, what is allowed, and the nearest match."""

from __future__ import annotations

import pytest

from oncsync.errors import ProblemsError
from tests.manifest.support import download_problem, load_text, only_problem, problems_of

TOKEN = "12345678-1234-1234-1234-123456789abc"

THREE_MISTAKES = """\
version: 1
settings:
  runThreads: four
downloads:
  - name: whales
    locationCode: NEP
    downloadMethod: bydevice
    begin: 2013-20-23
    end: 2013-10-24
"""


def test_three_mistakes_are_told_at_once_with_line_and_column() -> None:
    """I-18, R126: a bad date is found before any request, with what was probably meant."""
    with pytest.raises(ProblemsError) as caught:
        load_text(THREE_MISTAKES)
    folder = caught.value.problems[0].where.rsplit("/", 1)[0] + "/"
    assert caught.value.exit_code == 2
    assert caught.value.render().replace(folder, "") == (
        """\
The manifest `oncsync.yaml` has 3 problems
  oncsync.yaml:3:15: `runThreads` is `four`, not a whole number
  oncsync.yaml:7:21: `downloadMethod` cannot be `bydevice`; allowed: `byLocation`, `byDevice` or `all`
    hint: did you mean `byDevice`?
  oncsync.yaml:8:12: `2013-20-23` has no month 20
    hint: did you mean `2013-10-23`?"""
    )


@pytest.mark.parametrize(
    ("lines", "where", "message", "hint"),
    [
        # keys
        ("begin: now\nend: PT1H\nlocationCod: X", "5:5", "`locationCod` is not a key of a download", "`locationCode`"),
        ("begin: 2020-01-01\nlocationcode: X", "4:5", "`locationcode` is not a key", "did you mean `locationCode`?"),
        ("begin: 2020-01-01\ndateTo: 2021-01-01", "4:5", "`dateTo` is not a key", "did you mean `end`?"),
        ("begin: 2020-01-01\nformat: csv", "4:5", "`format` is not a key", "did you mean `extension`?"),
        (
            "begin: 2020-01-01\nrunThreads: 2",
            "4:5",
            "`runThreads` is not a key",
            "`runThreads` stands below `settings:`",
        ),
        ("begin: 2020-01-01\nfolder: x", "4:5", "`folder` is not a key", "at the top of the manifest"),
        ("begin: 2020-01-01\nxyzzy: x", "4:5", "`xyzzy` is not a key", "it can hold `name`, `service`"),
        ("begin: 2020-01-01\nexclude: {devicecode: X}", "4:15", "not a key of `exclude`", "did you mean `deviceCode`?"),
        ("begin: 2020-01-01\nname: y", "4:5", "`name` is written twice, first in line 2", "keep one of the two"),
        ("locationCode: X", "2:5", "The download `x` has no `begin`", "write for example `begin: 2017-05-01`"),
        # types
        ("begin: 2020-01-01\nmetadata: maybe", "4:15", "`metadata` is `maybe`, not `true` or `false`", None),
        ("begin: 2020-01-01\nlateDays: many", "4:15", "`lateDays` is `many`, not a number", None),
        ("begin: {a: 1}", "3:12", "`begin` is a group of `key: value` lines, not a text", "needs quotes"),
        ("begin: [2020-01-01]", "3:12", "`begin` is a list, not a text", None),
        ("begin: 2020-01-01\ndeviceCode:", "4:5", "`deviceCode` has no value", "write a value, or remove the line"),
        ("begin: 2020-01-01\ndeviceCode: ~", "4:17", "`deviceCode` has no value", "write a value"),
        ("begin: 2020-01-01\nextension: [csv, ]\nprefer: [csv, {}]", "5:19", "An entry of `prefer` is a group", None),
        ("begin: 2020-01-01\nnear: here", "4:11", "`near` is `here`, not a group of `key: value` lines", None),
        # values
        (
            "begin: 2020-01-01\nservice: archive",
            "4:14",
            "allowed: `dataProductDelivery` or `archivefile`",
            "`archivefile`",
        ),
        ("begin: 2020-01-01\nsplitDateRange: Month", "4:21", "or a duration such as `PT6H`", "did you mean `month`?"),
        ("begin: 2020-01-01\nsplitDateRange: 6h", "4:21", "`splitDateRange` cannot be `6h`", None),
        ("begin: 2020-01-01\nsplitDateRange: P0D", "4:21", "has to be longer than nothing, not `P0D`", None),
        ("begin: 2020-01-01\nsplitDateRange: PT1S", "4:21", "at least a minute, not `PT1S`", "an order of its own"),
        ("begin: 2020-01-01\ndayOfWeek: monday", "4:16", "allowed: `MO`, `TU`, `WE`", "did you mean `MO`?"),
        ("begin: 2020-01-01\nmaxOrderHours: 0", "4:20", "`maxOrderHours` is `0`, and has to be more than 0", None),
        ("begin: 2020-01-01\nrefreshOpen: soon", "4:18", "`soon` is not a duration", None),
        ("begin: 2020-01-01\nrefreshOpen: -PT1H", "4:18", "has to be longer than nothing", None),
        ("begin: 2020-01-01\nextension: []", "4:16", "`extension` is empty", "leave the key out"),
        ("begin: 2020-01-01\nextension: .csv", "4:16", "An extension has no dot: `.csv`", "did you mean `csv`?"),
        ("begin: 2020-01-01\ndeviceCode: ','", "4:17", "`deviceCode` names nothing", "everything that exists"),
        ("begin: 2020-01-01\nlocationCode: Axis Pod", "4:19", "`Axis Pod` is no code: it holds a space", "Data Search"),
        ("begin: 2020-01-01\nexclude: {deviceCode: a b}", "4:27", "`a b` is no code", "Data Search"),
        ("begin: 2020-01-01\nnear: {lat: 95, lon: 0, radiusKm: 1}", "4:17", "`lat` is `95`", None),
        ("begin: 2020-01-01\nnear: {lat: 5, lon: 0}", "4:11", "`near` has no `radiusKm`", "`radiusKm: 50`"),
        ("events: {padding: PT1S}", "3:13", "`events` has no `file`", "`file: calls.csv`"),
        ("events: {file: x, padding: foo}", "3:32", "`foo` is not a duration", None),
        ("begin: 2020-01-01\npath: ../x", "4:11", "`../x` leaves the folder", None),
        ("begin: 2020-01-01\npath: '{locatonCode}'", "4:11", "`{locatonCode}` is no field", "`locationCode`"),
        ("begin: 2020-01-01\npath: '{year'", "4:11", "has a single brace", None),
        # times
        ("begin: 2020-02-30", "3:12", "`2020-02-30` has no day 30: that month has 29 days", None),
        ("begin: May 2020", "3:12", "`May 2020` is not a time; write `2017-05-01`", None),
        (f"begin: {'x' * 99}", "3:12", "`begin` cannot be `xxxx", "`-P1D` or `now`"),
        ("begin: P1X", "3:12", "`P1X` is not a duration", None),
        ("begin: 2020-01-01\nend: 9999-12-31T23:59:59", "4:10", "outside the years 1 to 9999", None),
        ("begin: -P1D\nend: P1D", "4:10", "durations, each relative to the other", "as a date or as `now`"),
        ("begin: -P9999Y", "3:12", "The span from `-P9999Y` to now leaves the years 1 to 9999", None),
        ("begin: 2020-01-01\nend: P9999Y", "4:10", "leaves the years 1 to 9999", None),
        ("begin: P1D", "3:12", "The span ends (now) before it begins (`P1D`)", "has a minus: `begin: -P1D`"),
        ("begin: P1D\nend: 2020-01-01", "4:10", "The span ends (`2020-01-01`) before", "has a minus"),
        ("begin: 2020-01-01\nend: -P1D", "4:10", "The span ends (`-P1D`) before it begins", "exchange"),
        ("begin: 2020-01-01\nend: 2019-01-01", "4:10", "before it begins (`2020-01-01`)", "exchange `begin` and `end`"),
        ("begin: 2020-01-01\nend: 2020-01-01", "4:10", "is empty", "exclusive: for one day write `end: 2020-01-02`"),
        ("begin: now\nend: now", "4:10", "The span from `now` to `now` is empty", "the end is exclusive"),
        ("begin: now", "3:12", "The span from `now` to now is empty", "the end is exclusive"),
        ("begin: 2020-01-01\nsplitDateRange: all", "4:21", "has no `end`, which `splitDateRange: all`", "`end:` date"),
        ("begin: 2020-01-01\nend: now\nsplitDateRange: all", "5:21", "moves with the clock", "splitDateRange: day"),
        ("begin: -P1D\nsplitDateRange: all", "4:21", "has no `end`", "`end:` date"),
        # options
        ("begin: 2020-01-01\noptions: {foo: 1}", "4:15", "`foo` is no option", "begins with `dpo_`; a `CODE`"),
        ("begin: 2020-01-01\noptions: {AD: {x: 1}}", "4:20", "`x` is no option", "begins with `dpo_`"),
        ("begin: 2020-01-01\noptions: {A D: {dpo_x: 1}}", "4:15", "`A D` is no product", "`CODE/extension`"),
        ("begin: 2020-01-01\noptions: {dpo_x: }", "4:15", "`dpo_x` has no value", "remove the line"),
        ("begin: 2020-01-01\noptions: {dpo_x: [1]}", "4:22", "`dpo_x` is a list, not a text", None),
        # services
        ("begin: 2020-01-01\nmatch: '*.x'", "4:5", "`match` has no meaning for", "write `service: archivefile`"),
        ("begin: 2020-01-01\nservice: archivefile\noptions: {dpo_a: 1}", "5:5", "`options` has no meaning", None),
        (
            "begin: now\nend: PT1H\nservice: archivefile\nminSize: huge",
            "6:14",
            "`minSize` cannot be `huge`",
            "`1.5 MB`",
        ),
        ("begin: now\nend: PT1H\nservice: archivefile\nlimit: 0", "6:12", "has to be at least 1", None),
    ],
)
def test_one_mistake_in_a_download(lines: str, where: str, message: str, hint: str | None) -> None:
    problem = download_problem(lines)
    assert problem.where == f"oncsync.yaml:{where}"
    assert message in problem.message
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("version: 2\nnew: thing\n", "1:10", "has version 2; this oncsync reads version 1", "newer oncsync"),
        ("version: 0\n", "1:10", "`version` cannot be `0`", None),
        ("version: one\n", "1:10", "`version` is `one`, not a whole number", None),
        ("server: produktion\n", "1:9", "allowed: `production`, `qa` or `sandbox`", "did you mean `production`?"),
        ("server: http://data.example.org\n", "1:9", "sends the token in the clear", "write `https://`"),
        ("server: 'https://'\n", "1:9", "`server` is not an address", "`https://data.example.org/`"),
        ("server: https://x:99999\n", "1:9", "`server` is not an address", None),
        ("server: https://h/?a=b\n", "1:9", "goes on after its path", "from the `?` or `#` on"),
        ("server: https://me:pw@h/\n", "1:9", "holds a user name or a password", "no secret"),
        ("folder: ''\n", "1:9", "`folder` is empty", None),
        ("folder:\n", "1:1", "`folder` has no value", None),
        ("setings: {}\n", "1:1", "`setings` is not a key of a manifest", "did you mean `settings`?"),
        ("deviceCode: X\n", "1:1", "`deviceCode` is not a key of a manifest", "in an entry of `downloads:`"),
        ("settings: {runThreads: 0}\n", "1:24", "`runThreads` is `0`, and has to be at least 1", None),
        ("settings: {runThreads: -4}\n", "1:24", "at least 1", None),
        ("settings: {downloadThreads: 1000}\n", "1:29", "at most 100", None),
        ("settings: {downloadQueueSize: 0}\n", "1:31", "at least 1", "`unlimited` or a positive number"),
        ("settings: {downloadQueueSize: lots}\n", "1:31", "cannot be `lots`", "`unlimited` or a positive number"),
        ("settings: {beginRun: 25:00:00}\n", "1:22", "`beginRun` cannot be `25:00:00`", "HH:MM:SS"),
        ("settings: {endRun: '22:00'}\n", "1:20", "`endRun` cannot be `22:00`", "HH:MM:SS"),
        ("settings: {runTimeZone: America/Vancuver}\n", "1:25", "no time zone", "did you mean `America/Vancouver`?"),
        ("settings: {runTimeZone: America}\n", "1:25", "There is no time zone `America`", None),
        ("settings: {runTimeZone: ../../etc}\n", "1:25", "There is no time zone", None),
        ("settings: {refreshOpen: 1h}\n", "1:25", "`1h` is not a duration", None),
        ("settings: {minFree: plenty}\n", "1:21", "`minFree` cannot be `plenty`", "write a size such as"),
        ("settings: {minFree: -1}\n", "1:21", "`minFree`", None),
        ("settings: {state: ../x.json}\n", "1:19", "leads out of the folder", "below the folder"),
        ("settings: [a]\n", "1:11", "`settings` is a list, not a group of `key: value` lines", None),
        ("downloads: {name: x}\n", "1:12", "`downloads` is a group of `key: value` lines, not a list", "with `- `"),
        ("downloads: [x]\n", "1:13", "An entry of `downloads` is `x`, not a group", None),
        ("vars: {1x: a}\n", "1:8", "`1x` cannot be the name of a variable", "letters, digits"),
        ("vars: {x: [a]}\n", "1:11", "`x` is a list, not a text", None),
        ("requests: 5\n", "1:11", "`requests` is `5`, not a list or a group", None),
        ("requests: {file: [a]}\n", "1:18", "`file` is a list, not a text", None),
        (f"requests: {{file: {'x' * 300}}}\n", "1:18", "Cannot read `", "CSV file beside the manifest"),
        ("requests: {files: x.csv, file: y.csv}\n", "1:12", "`files` is not a key", "did you mean `file`?"),
    ],
)
def test_one_mistake_at_the_top(text: str, where: str, message: str, hint: str | None) -> None:
    problem = only_problem(text, beside={"y.csv": "deviceCode\n"})
    assert problem.where == f"oncsync.yaml:{where}"
    assert message in problem.message
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint


REQUEST = "dataProductCode: TSSD, extension: csv, begin: 2020-01-01, end: 2020-01-02"


@pytest.mark.parametrize(
    ("request_text", "where", "message"),
    [
        (f"{{{REQUEST}}}", "2:5", "Request 1 does not say where its data come from"),
        (f"{{name: r, locationCode: BACAX, {REQUEST}}}", "2:5", "The request `r` does not say where"),
        (f"{{deviceCategoryCode: CTD, {REQUEST}}}", "2:5", "does not say where"),
        (f"{{propertyCode: conductivity, {REQUEST}}}", "2:5", "does not say where"),
        (f"{{deviceCode: A, locationCode: B, {REQUEST}}}", "2:21", "names a device and a place"),
        (f"{{deviceCode: A, deviceCategoryCode: B, {REQUEST}}}", "2:21", "names a device and a category"),
        (f"{{deviceCode: 'A,B', {REQUEST}}}", "2:18", "A request has one `deviceCode`, not `A,B`"),
        (f"{{deviceCode: [A], {REQUEST}}}", "2:18", "`deviceCode` is a list, not a text"),
        (f"{{deviceCode: A, download: perhaps, {REQUEST}}}", "2:31", "`download` is `perhaps`, not `true` or `false`"),
        ("{deviceCode: A, dataProductCode: B, extension: csv}", "2:5", "Request 1 has no `begin`"),
        ("{deviceCode: A, dataProductCode: B, extension: csv, begin: 2020-01-01}", "2:5", "Request 1 has no `end`"),
        (f"{{deviceCode: A, options: {{AD: {{dpo_a: 1}}}}, {REQUEST}}}", "2:31", "`AD` is no option"),
        (f"{{deviceCode: A, downloadMethod: all, {REQUEST}}}", "2:21", "`downloadMethod` is not a key of a request"),
    ],
)
def test_one_mistake_in_a_request(request_text: str, where: str, message: str) -> None:
    problem = only_problem(f"requests:\n  - {request_text}\n")
    assert problem.where == f"oncsync.yaml:{where}"
    assert message in problem.message


def test_request_without_an_end_is_fine_when_it_is_split_or_off() -> None:
    """I-28: a deployment that is still open gives a row without an end."""
    request = "deviceCode: A, dataProductCode: B, extension: csv, begin: 2020-01-01"
    text = f"requests:\n  - {{{request}, splitDateRange: month}}\n  - {{{request}, download: N}}\n"
    assert [request.end for request in load_text(text).requests] == [None, None]


def test_span_from_a_fixed_begin_is_fixed() -> None:
    """A duration after a fixed begin does not move with the clock, so `all` can hold it."""
    text = "downloads: [{name: x, begin: 2020-01-01, end: P1M, splitDateRange: all}]"
    assert load_text(text).downloads[0].end == "P1M"


def test_missing_keys_are_told_together() -> None:
    problems = problems_of("requests:\n  - {deviceCode: A}\n")
    assert [problem.message for problem in problems] == [
        "Request 1 has no `dataProductCode`",
        "Request 1 has no `extension`",
        "Request 1 has no `begin`",
    ]


def test_names_are_unique_without_regard_to_case() -> None:
    text = "downloads:\n  - {name: a, begin: 2020-01-01}\n  - {name: A, begin: 2020-01-01}\n"
    problem = only_problem(text)
    assert (problem.where, problem.message) == ("oncsync.yaml:3:12", "The name `A` is taken, also in line 2")


def test_request_names_are_unique_too() -> None:
    request = f"{{name: r, deviceCode: A, {REQUEST}}}"
    assert "is taken, also in line 2" in only_problem(f"requests:\n  - {request}\n  - {request}\n").message


@pytest.mark.parametrize("name", ["a b", "a/b", "..a?", "ü", "x" * 81])
def test_names_have_plain_characters(name: str) -> None:
    problem = only_problem(f"downloads:\n  - {{name: '{name}', begin: 2020-01-01}}\n")
    assert "`name` cannot be" in problem.message


def test_mistakes_stand_in_document_order_local_file_last() -> None:
    text = "downloads:\n  - begin: x\n    extension: .a\n    name: a b\nsettings: {runThreads: 0}\nfolder: ''\n"
    problems = problems_of(text, beside={"oncsync.local.yaml": "folder: ''\nserver: qa\n"})
    assert [problem.where for problem in problems] == [
        "oncsync.yaml:2:12",
        "oncsync.yaml:3:16",
        "oncsync.yaml:4:11",
        "oncsync.yaml:5:24",
        "oncsync.yaml:6:9",
        "oncsync.local.yaml:1:9",
        "oncsync.local.yaml:2:1",
    ]


def test_local_file_holds_folder_and_settings_alone() -> None:
    problem = only_problem("version: 1\n", beside={"oncsync.local.yaml": "downloads: []\n"})
    assert problem.where == "oncsync.local.yaml:1:1"
    assert problem.hint == "`downloads` stands at the top of the manifest"


def test_settings_of_the_local_file_decide_together_with_those_of_the_manifest() -> None:
    text = "downloads: [{name: x, begin: 2020-01-01}]\n"
    problem = only_problem(text, beside={"oncsync.local.yaml": "settings: {splitDateRange: all, runTimeZone: UTC}\n"})
    assert "has no `end`" in problem.message


class TestSecrets:
    """R83: no secret is valid in a manifest, and none is repeated in a message."""

    @pytest.mark.parametrize(
        "text",
        [
            f"token: {TOKEN}\n",
            f"settings: {{token: {TOKEN}}}\n",
            f"downloads: [{{name: x, begin: 2020-01-01, API_TOKEN: {TOKEN}}}]\n",
            f"vars: {{token: {TOKEN}}}\n",
            f"vars: {{password: [{TOKEN}]}}\n",
            f"requests: [{{deviceCode: A, {REQUEST}, columns: {{Token: {TOKEN}}}}}]\n",
            f"onc-token: {{{TOKEN}: {TOKEN}}}\n",
        ],
    )
    def test_key_that_names_a_secret_is_refused(self, text: str) -> None:
        problem = only_problem(text)
        assert "No secret belongs in a manifest" in problem.message
        assert "ONC_TOKEN" in str(problem.hint)
        assert TOKEN not in problem.render()

    @pytest.mark.parametrize(
        "text",
        [
            f"server: https://data.example.org/api?token={TOKEN}\n",
            f"server: {TOKEN}\n",
            f"{TOKEN}: x\n",
            f"settings: {{runThreads: {TOKEN}}}\n",
            f"downloads: [{{name: x, begin: {TOKEN}}}]\n",
            f"downloads: [{{name: {TOKEN} y, begin: now, end: PT1H}}]\n",
            f"folder: ${{{TOKEN}}}\n",
            f"folder: *{TOKEN}\n",
            f"{TOKEN}: 1\n{TOKEN}: 2\n",
            f'folder: "{TOKEN}\n',
            f"folder: @{TOKEN}\n",
            f"settings: {{state: ../{TOKEN}}}\n",
            f"downloads: [{{name: x, begin: now, end: PT1H, path: '../{TOKEN}'}}]\n",
            f"downloads: [{{name: x, begin: now, end: PT1H, options: {{'{TOKEN} a': {{dpo_x: 1}}}}}}]\n",
            f"requests: {{file: ../{TOKEN}}}\n",
            f"requests: {{file: {TOKEN}.csv}}\n",
        ],
    )
    def test_token_in_a_wrong_place_is_not_repeated(self, text: str) -> None:
        with pytest.raises(ProblemsError) as caught:
            load_text(text)
        assert TOKEN not in caught.value.render()
        assert TOKEN not in repr(caught.value)


class TestVariables:
    def test_missing_variable_names_the_nearest(self) -> None:
        problem = only_problem("vars: {year: 2017}\nfolder: data-${yaer}\n")
        assert problem.where == "oncsync.yaml:2:9"
        assert problem.message == "There is no variable `yaer`"
        assert problem.hint == "did you mean `year`?"

    def test_missing_variable_is_the_only_thing_said_about_its_place(self) -> None:
        problem = only_problem("downloads: [{name: x, begin: '${when}'}]\n")
        assert problem.hint == "add it below `vars:`, or give it with `--set when=...`"

    def test_ring_of_variables_is_told(self) -> None:
        problem = only_problem("vars: {a: '${b}', b: '${c}', c: '${a}'}\n")
        assert "refers to itself: b -> c -> a -> b" in problem.message

    def test_variables_that_grow_without_bounds_are_refused(self) -> None:
        lines = "".join(f"  a{index}: ${{a{index + 1}}}${{a{index + 1}}}\n" for index in range(40))
        problem = only_problem(f"vars:\n{lines}  a40: x\nfolder: ${{a0}}\n")
        assert "grows to more than 10,000 characters" in problem.message

    def test_long_chain_of_variables_is_refused(self) -> None:
        lines = "".join(f"  a{index}: ${{a{index + 1}}}\n" for index in range(2000))
        assert any(
            "refer to each other" in problem.message
            for problem in problems_of(f"vars:\n{lines}  a2000: x\nfolder: ${{a0}}\n")
        )

    def test_set_of_an_unknown_name_is_refused(self) -> None:
        problems = problems_of("vars: {year: 2017}\n", overrides={"yaer": "2018"})
        assert problems[0].message == "`--set yaer=...` names a variable that the manifest lacks"
        assert problems[0].hint == "did you mean `year`?"
        assert problems_of("version: 1\n", overrides={"x": "1"})[0].hint == "it has no `vars:`"


def test_very_many_mistakes_are_counted_and_the_first_are_shown() -> None:
    text = "downloads:\n" + "".join(f"  - {{name: n{index}, begin: x}}\n" for index in range(250))
    with pytest.raises(ProblemsError, match="has 250 problems") as caught:
        load_text(text)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].message == "and 150 more"
