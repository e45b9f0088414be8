"""The clock tells the time in any zone that there is."""

from datetime import UTC, datetime

import pytest

from appkit.tools import current_time


def noon() -> datetime:
    return datetime(2024, 2, 29, 12, 30, 15, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2024-02-29T12:30:15+00:00 (Thursday, UTC)"),
        ("Asia/Shanghai", "2024-02-29T20:30:15+08:00 (Thursday, Asia/Shanghai)"),
        ("Pacific/Kiritimati", "2024-03-01T02:30:15+14:00 (Friday, Pacific/Kiritimati)"),
        ("America/Argentina/Buenos_Aires", "2024-02-29T09:30:15-03:00 (Thursday, America/Argentina/Buenos_Aires)"),
    ],
)
def test_the_time_is_that_of_the_zone(zone: str, text: str) -> None:
    assert current_time(clock=noon).run({"time_zone": zone}).text == text


def test_the_local_time_is_told_where_no_zone_is_given() -> None:
    told = current_time(clock=noon).run({}).text
    assert datetime.fromisoformat(told.split(" ")[0]) == noon().replace(microsecond=0)


def test_the_clock_is_that_of_the_machine() -> None:
    told = datetime.fromisoformat(current_time().run({"time_zone": "UTC"}).text.split(" ")[0])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 5


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Shanghai", "do you mean Asia/Shanghai?"),
        ("new york", "do you mean America/New_York?"),
        ("utc", "do you mean UTC?"),
        ("Europe/Berlim", "do you mean Europe/Berlin"),
        ("Narnia", "such as Asia/Shanghai"),
        ("Asia", "such as Asia/Shanghai"),
        ("", "such as Asia/Shanghai"),
        ("../../etc/passwd", "such as Asia/Shanghai"),
        ("/etc/localtime", "such as Asia/Shanghai"),
        ("a\0b", "such as Asia/Shanghai"),
        ("x" * 10_000, "such as Asia/Shanghai"),
    ],
)
def test_a_zone_that_is_none_is_refused_with_a_way_out(zone: str, hint: str) -> None:
    result = current_time(clock=noon).run({"time_zone": zone})
    assert result.is_error
    assert hint in result.text
    assert len(result.text) < 300
