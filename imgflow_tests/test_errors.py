"""The table of error codes."""

from pathlib import Path

from imgflow.errors import PHOTO_ERRORS, PhotoError


def test_every_code_has_a_sentence_and_a_remedy():
    for known in PHOTO_ERRORS.values():
        assert known.sentence.endswith(".")
        assert known.remedy.endswith(".")


def test_a_message_is_sentence_detail_and_remedy():
    error = PhotoError("truncated", "12 of 48 KB")
    assert error.message == (
        "The file ends before the picture does. (12 of 48 KB) The transfer was cut short: copy or upload it again."
    )


def test_the_readme_names_every_error_code():
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    rows = [f"| `{code}` | {known.sentence} | {known.remedy} |" for code, known in PHOTO_ERRORS.items()]
    assert [row for row in rows if row not in text] == []
