import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.integration.delivery.conftest import CONTENT, NAME, PASSWORD, TOKEN
from webapp.adapters.errors import OutsideError, PermanentError, RetryableError
from webapp.adapters.sftp import put_file

PART = f".{NAME}.{TOKEN}.part"


class LeaseLostError(Exception):
    pass


def test_a_file_arrives_whole_under_its_name_and_nothing_else_is_left(campus):
    receipt = campus.put()
    assert campus.lying() == {NAME: CONTENT}
    assert (receipt.final_name, receipt.size, receipt.notes) == (NAME, len(CONTENT), ())
    assert 0 < receipt.seconds < 20


def test_the_file_travels_under_a_temporary_name_and_gets_its_own_when_whole(campus):
    campus.put()
    renamed = campus.drop.operations("open", "close", "rename", "posix_rename")
    assert [(op.act, op.path.rpartition("/")[2]) for op in renamed] == [
        ("open", PART),
        ("close", PART),
        ("rename", NAME),
    ]
    assert renamed[-1].sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_the_fence_is_asked_after_the_upload_and_before_the_rename(campus):
    seen = []
    campus.put(fence=lambda: seen.append(campus.acts("close", "rename")))
    assert seen == [["close"]]


def test_a_lost_lease_stops_the_delivery_before_anything_can_be_seen(campus):
    def lost():
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        campus.put(fence=lost)
    assert list(campus.lying()) == [PART]
    assert campus.acts("rename", "posix_rename") == []


@pytest.mark.parametrize("size", [0, 1, 32767, 32768, 32769, 3_000_001])
def test_files_of_any_size_arrive_to_the_byte(campus, size):
    content = bytes(index * 7 % 251 for index in range(size))
    campus.put(content, read_back=True)
    assert campus.lying() == {NAME: content}


def test_an_attempt_clears_what_the_one_before_left_and_nothing_of_others(campus):
    others = {
        f".{NAME}.d42.part": b"another delivery",
        f".{NAME}.{TOKEN}.part.bak": b"not ours",
        f"{NAME}.{TOKEN}.part": b"not hidden",
        ".profile": b"theirs",
        "other.txt": b"theirs",
    }
    for name, content in {**others, PART: b"half"}.items():
        (campus.folder / name).write_bytes(content)
    receipt = campus.put()
    assert campus.lying() == {**others, NAME: CONTENT}
    assert receipt.notes == ("A part left by an earlier attempt was cleared away.",)


def test_a_whole_part_left_by_an_attempt_that_died_before_its_rename_is_not_sent_again(campus):
    (campus.folder / PART).write_bytes(CONTENT)
    receipt = campus.put()
    assert campus.lying() == {NAME: CONTENT}
    assert receipt.notes == ("An earlier attempt had sent it all; only its name was missing.",)
    assert campus.acts("open") == []
    assert campus.fences == 1


def test_a_part_of_the_right_size_but_other_content_is_sent_anew(campus):
    (campus.folder / PART).write_bytes(CONTENT[::-1])
    campus.put()
    assert campus.lying() == {NAME: CONTENT}


def test_a_frozen_attempt_that_wakes_up_and_renames_first_has_delivered_the_file(campus):
    (campus.folder / PART).write_bytes(CONTENT)
    receipt = campus.put(fence=lambda: (campus.folder / PART).rename(campus.folder / NAME))
    assert campus.lying() == {NAME: CONTENT}
    assert receipt.notes[-1] == "An earlier attempt gave it its name meanwhile."


def test_a_second_attempt_finds_the_delivered_file_and_sends_nothing(campus):
    campus.put()
    receipt = campus.put()
    assert receipt.notes == (f"{NAME} was already there with the same content.",)
    assert campus.acts("open") == ["open"]
    assert campus.fences == 2


def test_a_file_not_fetched_yet_is_never_overwritten(campus):
    (campus.folder / NAME).write_bytes(b"yesterday's, not read yet")
    with pytest.raises(PermanentError, match="not fetched yet: ask the receiver"):
        campus.put()
    assert campus.lying() == {NAME: b"yesterday's, not read yet"}
    assert campus.fences == 0


def test_a_file_of_the_same_size_but_other_content_is_not_taken_for_ours(campus):
    other = CONTENT[:-2] + b"X\n"
    (campus.folder / NAME).write_bytes(other)
    with pytest.raises(PermanentError, match="of other content"):
        campus.put()
    assert campus.lying() == {NAME: other}


def test_a_file_of_our_size_that_may_not_be_read_is_not_taken_for_ours(campus, board):
    (campus.folder / NAME).write_bytes(CONTENT)
    board.add("sftp", "no_read")
    with pytest.raises(PermanentError, match="nothing was overwritten"):
        campus.put()


def test_with_suffixes_the_file_gets_a_new_name_beside_the_unread_ones(campus):
    first, second, third = b"monday\n", b"tuesday\n", b"wednesday\n"
    names = [
        campus.put(day, token=f"d{n}", collision="suffix").final_name
        for n, day in enumerate((first, second, third))
    ]
    stem = NAME.removesuffix(".txt")
    assert names == [NAME, f"{stem}_2.txt", f"{stem}_3.txt"]
    assert list(campus.lying().values()).count(second) == 1
    again = campus.put(second, token="d1", collision="suffix")
    assert (again.final_name, len(campus.lying())) == (f"{stem}_2.txt", 3)


def test_an_emptied_file_counts_as_fetched(campus):
    (campus.folder / NAME).write_bytes(b"")
    assert campus.put().notes == (f"An emptied file {NAME} was replaced.",)
    assert campus.lying() == {NAME: CONTENT}


def test_a_file_that_appears_between_the_look_and_the_rename_is_not_overwritten(campus, board):
    board.add("sftp", "rival_file")
    with pytest.raises(PermanentError, match="nothing was overwritten"):
        campus.put()
    lying = campus.lying()
    assert lying.pop(NAME) == b"somebody else's file\n"
    assert [name.endswith(".part") for name in lying] == [True], "only our own hidden part may lie beside it"


def test_an_emptied_file_is_replaced_without_the_posix_rename_extension(campus, board):
    (campus.folder / NAME).write_bytes(b"")
    board.add("sftp", "no_posix_rename")
    campus.put()
    assert campus.lying() == {NAME: CONTENT}


def test_a_server_without_the_standard_rename_is_served_by_the_extension(campus, board):
    board.add("sftp", "no_rename")
    campus.put()
    assert campus.lying() == {NAME: CONTENT}
    assert campus.acts("rename", "posix_rename") == ["rename", "posix_rename"]


def test_a_server_that_forbids_renaming_is_said_so_with_the_switch_to_use(campus, board):
    board.add("sftp", "no_rename", times=2)
    with pytest.raises(PermanentError, match=r"does not let files be renamed.*Switch off the temporary name"):
        campus.put()
    # The part stays: that it is there is how a settlement knows that nothing was delivered.
    assert [name.endswith(".part") for name in campus.lying()] == [True]
    campus.put(use_temporary_name=False)
    assert campus.lying() == {NAME: CONTENT}


def test_a_receiver_that_takes_files_on_arrival_must_not_get_temporary_names(campus, board):
    board.add("sftp", "taken_at_once")
    with pytest.raises(PermanentError, match="took the file away as soon as it was closed"):
        campus.put()
    board.add("sftp", "taken_at_once")
    receipt = campus.put(use_temporary_name=False)
    assert receipt.notes == (f"The server does not show {NAME}, so its size could not be checked.",)
    assert [op.size for op in campus.drop.operations("taken")] == [len(CONTENT)] * 2


def test_a_drop_box_that_shows_nothing_still_takes_files(campus, board):
    board.add("sftp", "no_stat", times=50)
    receipt = campus.put()
    assert campus.lying() == {NAME: CONTENT}
    assert receipt.notes[0] == "The server does not let us look which files are there."


@pytest.mark.parametrize(
    "switch", [{"check_size": False}, {"read_back": True}, {"directory": "./csusm//holds/"}]
)
def test_each_habit_of_a_receiver_can_be_switched(campus, switch):
    campus.put(**switch)
    assert campus.lying() == {NAME: CONTENT}


def test_the_control_file_comes_last_and_tells_count_total_and_hash(campus):
    campus.put(trigger_suffix=".done", row_count=5000, total_cents=6_250_005)
    lying = campus.lying()
    assert lying.keys() == {NAME, f"{NAME}.done"}
    assert lying[f"{NAME}.done"].decode() == (
        f"file={NAME}\nsize={len(CONTENT)}\nrows=5000\ntotal=62500.05\nsha256={hashlib.sha256(CONTENT).hexdigest()}\n"
    )
    final = [op.path.rpartition("/")[2] for op in campus.drop.operations("rename", "posix_rename")]
    assert final == [NAME, f"{NAME}.done"]


def test_a_control_file_without_known_totals_says_only_what_is_known(campus):
    campus.put(trigger_suffix=".ctl", use_temporary_name=False, total_cents=-325)
    assert b"total=-3.25\n" in campus.lying()[f"{NAME}.ctl"]
    assert b"rows=" not in campus.lying()[f"{NAME}.ctl"]


def test_stored_bytes_that_are_not_the_built_ones_never_leave(campus, target):
    for temporary in (True, False):
        with pytest.raises(PermanentError, match="is not the one that was built"):
            put_file(
                replace(target, use_temporary_name=temporary),
                name=NAME,
                token=TOKEN,
                open_source=lambda: io.BytesIO(CONTENT[:-1]),
                size=len(CONTENT),
                sha256=hashlib.sha256(CONTENT).hexdigest(),
                before_effect=lambda: pytest.fail("must not get that far"),
            )
        assert campus.lying() == {}


def test_a_file_store_in_trouble_is_not_blamed_on_the_server(campus, target):
    def broken():
        raise OSError(5, "Input/output error")

    with pytest.raises(RetryableError, match=r"stored file .* could not be read: Input/output error"):
        put_file(
            target, name=NAME, token=TOKEN, open_source=broken, size=1, sha256="", before_effect=lambda: None
        )
    assert campus.lying() == {}


def test_bytes_that_changed_on_the_way_are_noticed_by_reading_back(campus, board):
    board.add("sftp", "corrupt")
    with pytest.raises(RetryableError, match=r"arrived .* with other content"):
        campus.put(read_back=True)
    assert campus.lying() == {}


def test_reading_back_is_skipped_where_the_server_forbids_it(campus, board):
    board.add("sftp", "no_read")
    assert campus.put(read_back=True).notes == (f"The server does not let {NAME} be read back.",)
    assert campus.lying() == {NAME: CONTENT}


@pytest.mark.parametrize("temporary", [True, False])
def test_a_file_that_arrived_short_is_noticed_and_taken_away(campus, board, temporary):
    board.add("sftp", "short_write", byte=100_000)
    with pytest.raises(RetryableError, match=f"holds 100000 of the {len(CONTENT)} bytes"):
        campus.put(use_temporary_name=temporary)
    assert campus.lying() == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"byte": 100_000}, "Most often its disk or the user's quota is full"),
        ({"byte": 100_000, "status": 14}, "its disk is full"),
        ({"byte": len(CONTENT) - 1, "status": 15}, "the quota of user 'feedbot' is used up"),
        ({"byte": 0}, "gave no reason"),
    ],
)
@pytest.mark.parametrize("temporary", [True, False])
def test_a_full_disk_or_quota_is_said_so_and_no_part_is_left(campus, board, options, words, temporary):
    board.add("sftp", "disk_full", **options)
    with pytest.raises(RetryableError, match=words):
        campus.put(use_temporary_name=temporary)
    assert campus.lying() == {}
    campus.put(use_temporary_name=temporary)
    assert campus.lying() == {NAME: CONTENT}


def test_a_missing_right_is_a_matter_for_the_administrator(campus, board):
    board.add("sftp", "permission_denied")
    with pytest.raises(PermanentError, match="user 'feedbot' may not do that there") as refusal:
        campus.put()
    assert refusal.value.evidence["code"] == "3"


def test_a_missing_folder_is_a_setting_to_correct(campus):
    with pytest.raises(PermanentError, match=r"the folder does not exist.*Correct the folder"):
        campus.put(directory="csusm/hold")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0b", "x" * 201, "é" * 101])
def test_a_name_that_is_no_file_name_is_refused_before_connecting(campus, name):
    with pytest.raises(PermanentError, match="cannot be a file's name"):
        campus.put(name=name)
    assert campus.acts() == []


def test_a_token_that_could_not_be_found_again_is_refused(campus):
    with pytest.raises(PermanentError, match="token"):
        campus.put(token="../x")


def test_names_with_spaces_and_accents_arrive_as_they_are(campus):
    campus.put(name="Húmboldt holds 2026.txt")
    assert list(campus.lying()) == ["Húmboldt holds 2026.txt"]


def test_many_deliveries_at_once_do_not_disturb_each_other(campus):
    def deliver(number):
        return campus.put(
            CONTENT + b"%d\n" % number, name=f"file_{number}.txt", token=f"t{number}"
        ).final_name

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(deliver, range(16)))
    assert campus.lying() == {f"file_{number}.txt": CONTENT + b"%d\n" % number for number in range(16)}
    assert len(names) == 16


def test_no_error_shows_a_secret(campus, board):
    troubles = [
        ("sftp", "refuse_auth", {}),
        ("sftp", "host_key_changed", {}),
        ("sftp", "cut_at_byte", {"byte": 10}),
        ("sftp", "permission_denied", {}),
        ("sftp", "rename_answer_lost", {}),
    ]
    for where, kind, options in troubles:
        board.add(where, kind, **options)
        with pytest.raises(OutsideError) as failure:
            campus.put(content=b"x" * 99, token=kind)
        assert PASSWORD not in failure.value.message + repr(failure.value.evidence)
        board.clear()
    assert PASSWORD not in repr(campus.target)
