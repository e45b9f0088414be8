"""What was chosen for a task is read the same from a command line and from Python, or refused."""

import pytest

from eval.tasks.task_settings import check_known, one_of, text, truth, whole_number


def test_a_setting_that_is_none_names_the_near_one_and_all() -> None:
    check_known("task", {"window": 3}, {"window": "", "file": ""})
    with pytest.raises(ValueError, match=r"task has no setting 'windw', did you mean 'window'\? it has window, file\."):
        check_known("task", {"windw": 3}, {"window": "", "file": ""})
    with pytest.raises(ValueError, match="task has no setting 'x'; it has none"):
        check_known("task", {"x": 1}, {})


def test_what_was_not_chosen_is_left_open() -> None:
    assert (whole_number({}, "n"), truth({}, "n"), text({}, "n"), one_of({}, "n", ("a", "b"), "b")) == (
        None,
        None,
        None,
        "b",
    )


@pytest.mark.parametrize("value", ["12", 12])
def test_a_number_may_be_written(value) -> None:
    assert whole_number({"n": value}, "n") == 12


@pytest.mark.parametrize(("value", "expected"), [("yes", True), ("No", False), (True, True), ("false", False)])
def test_yes_and_no_may_be_written(value, expected) -> None:
    assert truth({"n": value}, "n") is expected


@pytest.mark.parametrize("value", ["0", "-1", "1.5", 1.5, True, "many", "٣x"])
def test_no_number_is_refused(value) -> None:
    with pytest.raises(ValueError, match="give a whole number, 1 or more"):
        whole_number({"n": value}, "n")


@pytest.mark.parametrize("value", ["maybe", 1, ""])
def test_neither_yes_nor_no_is_refused(value) -> None:
    with pytest.raises(ValueError, match="give yes or no"):
        truth({"n": value}, "n")


@pytest.mark.parametrize("value", ["", " ", 3])
def test_no_text_is_refused(value) -> None:
    with pytest.raises(ValueError, match="give a text"):
        text({"n": value}, "n")


def test_no_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="n is 'c'; choose one of a, b"):
        one_of({"n": "c"}, "n", ("a", "b"), "a")
