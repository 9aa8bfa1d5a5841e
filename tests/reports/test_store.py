import msgspec
import pytest

from saveproof.reports import store
from saveproof.reports.records import SCHEMA, Footer, Verdict
from saveproof.reports.store import append, begin, read, shard, write_run


def written(file, *lines):
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return file


@pytest.fixture
def file(tmp_path, run):
    return written(tmp_path / "run.jsonl", run.header, *run.results, run.footer)


def edited(file, number, **fields):
    """The file with fields of one line replaced."""
    lines = file.read_bytes().splitlines()
    lines[number] = msgspec.json.encode(msgspec.json.decode(lines[number]) | fields)
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def test_what_was_written_is_read(file, run):
    found = read(file)

    assert (found.header, found.results, found.footer) == (run.header, run.results, run.footer)
    assert found.complete


def test_a_run_is_read_from_its_folder(file):
    assert read(file.parent) == read(file)
    assert read(file).sources == (str(file.parent),)


def test_a_run_is_read_again_from_a_file_of_another_name(file):
    """A report's commands name what can be read."""
    other = file.rename(file.with_name("last-week.jsonl"))

    assert read(other).sources == (str(other),)


def test_without_a_footer_a_run_is_incomplete(tmp_path, run):
    found = read(written(tmp_path / "run.jsonl", run.header, *run.results))

    assert not found.complete
    assert found.results == run.results


def test_an_interrupted_run_is_incomplete(file):
    assert not read(edited(file, -1, interrupted=True)).complete


def test_half_a_last_line_is_a_run_cut_short(tmp_path, run):
    file = written(tmp_path / "run.jsonl", run.header, run.results[0])
    file.write_bytes(file.read_bytes() + b'{"record":"resu')

    assert not read(file).complete
    assert read(file).results == run.results[:1]


def test_the_later_line_of_a_slot_replaces_the_earlier(tmp_path, run):
    first = run.results[0]
    later = msgspec.structs.replace(first, verdict=Verdict.FAIL)

    found = read(written(tmp_path / "run.jsonl", run.header, first, later))

    assert found.results == (later,)


def test_an_empty_file_has_no_header(tmp_path):
    with pytest.raises(store.NoHeader, match="expected a header in line 1, found nothing"):
        read(written(tmp_path / "run.jsonl"))


def test_a_file_that_starts_with_a_result_has_no_header(tmp_path, run):
    with pytest.raises(store.NoHeader, match="found a result"):
        read(written(tmp_path / "run.jsonl", run.results[0]))


def test_a_second_header_is_refused(tmp_path, run):
    with pytest.raises(store.SecondHeader, match=run.header.run):
        read(written(tmp_path / "run.jsonl", run.header, run.header))


@pytest.mark.parametrize("text", [b"pass\n", b"[]\n", b"\n", b"\xff\n"])
def test_a_line_that_is_no_json_object_is_refused(file, text):
    file.write_bytes(file.read_bytes() + text)

    with pytest.raises(store.NotJsonLines, match=r"run\.jsonl: line \d+"):
        read(file)


def test_an_unknown_schema_version_is_refused(file):
    with pytest.raises(store.UnknownSchema, match="expected schema version 1 or 2 or 3, found 4"):
        read(edited(file, 0, schema=4))


def as_version_1(file):
    """The file as schema version 1 had it: findings were text."""
    lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    lines[0]["schema"] = 1
    for line in lines:
        for finding in line.get("findings", ()):
            defect = finding.pop("defect")
            finding |= {"key": defect["name"], "message": defect["words"], **defect["difference"]}
            finding |= {"traceback": defect.get("traceback", "")}
    return written(file, *lines)


def test_a_run_of_schema_version_1_is_read_with_its_keys_and_messages(file, run):
    found = read(as_version_1(file))

    assert found.results == run.results
    assert found.header.schema == SCHEMA


@pytest.mark.parametrize("findings", [[{"key": 1}], [1], {"key": "x"}, [{"key": "x", "odd": 1}]])
def test_a_malformed_finding_of_schema_version_1_is_refused(file, findings):
    with pytest.raises(store.MalformedRecord, match="line 2: not a valid result"):
        read(edited(as_version_1(file), 1, findings=findings))


def test_an_unknown_record_is_refused(file):
    with pytest.raises(store.UnknownRecord, match="found 'note'"):
        read(edited(file, 1, record="note"))


def test_an_unknown_field_is_refused(file):
    with pytest.raises(store.MalformedRecord, match=r"line 2: not a valid result.*colour"):
        read(edited(file, 1, colour="red"))


def test_an_unknown_verdict_is_refused(file):
    with pytest.raises(store.MalformedRecord, match="verdict"):
        read(edited(file, 1, verdict="fine"))


@pytest.mark.parametrize("field", ["subject", "path", "check"])
def test_a_result_that_the_header_does_not_list_is_refused(file, field):
    with pytest.raises(store.StrayResult, match="nobody"):
        read(edited(file, 1, **{field: "nobody"}))


def test_a_line_after_the_footer_is_refused(tmp_path, run):
    footer = msgspec.structs.replace(run.footer, results=1)

    with pytest.raises(store.LineAfterFooter, match="line 2"):
        read(written(tmp_path / "run.jsonl", run.header, footer, run.results[0]))


def test_half_a_line_after_the_footer_is_refused(file):
    file.write_bytes(file.read_bytes() + b"{")

    with pytest.raises(store.LineAfterFooter):
        read(file)


def test_a_missing_result_is_noticed(file, run):
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:1] + lines[2:]))

    with pytest.raises(store.CountDiffers, match=f"the footer counts {len(run.results)} results"):
        read(file)


def test_the_shards_of_workers_become_one_run(tmp_path, run):
    begin(tmp_path, run.header)
    for number, result in enumerate(run.results):
        append(shard(tmp_path, f"gw{number % 2}"), result)

    found = write_run(tmp_path, header=run.header, finished="then", seconds=3.0)

    assert found.complete
    assert found == read(tmp_path)
    assert sorted(r.slot for r in found.results) == sorted(r.slot for r in run.results)
    assert found.footer == Footer(finished="then", seconds=3.0, results=len(run.results))


def test_a_run_that_was_killed_keeps_what_its_workers_found(tmp_path, run):
    begin(tmp_path, run.header)
    append(shard(tmp_path, "main"), run.results[0])

    found = read(tmp_path)

    assert found.results == run.results[:1]
    assert not found.complete


def test_a_worker_that_died_while_writing_makes_the_run_incomplete(tmp_path, run):
    begin(tmp_path, run.header)
    append(shard(tmp_path, "gw0"), run.results[0])
    with shard(tmp_path, "gw0").open("ab") as stream:
        stream.write(b'{"record": "result", "sub')

    found = write_run(tmp_path, header=run.header, finished="then", seconds=3.0)

    assert found.results == run.results[:1]
    assert not found.complete


def test_a_new_run_forgets_the_shards_of_the_last_one(tmp_path, run):
    begin(tmp_path, run.header)
    append(shard(tmp_path, "gw7"), run.results[0])

    begin(tmp_path, run.header)

    assert read(tmp_path).results == ()


def test_a_shard_holds_no_footer(tmp_path, run):
    begin(tmp_path, run.header)
    append(shard(tmp_path, "gw0"), run.footer)

    with pytest.raises(store.UnknownRecord, match="no header and no footer, found a footer"):
        write_run(tmp_path, header=run.header, finished="then", seconds=3.0)
