"""The clock as a tool."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from appkit.errors import ToolError
from appkit.tools.base import Tool, tool
from appkit.tools.example import ToolExample

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")  # whatever the locale

EXAMPLES = (
    ToolExample(
        question="What time is it in Tokyo?",
        arguments={"time_zone": "Asia/Tokyo"},
        result="2019-05-07T21:40:12+09:00 (Tuesday, Asia/Tokyo)",
        answer="In Tokyo it is 21:40 on Tuesday, 7 May 2019.",
    ),
    ToolExample(
        question="What day is it today?",
        arguments={},
        result="2019-05-07T13:40:12+01:00 (Tuesday, BST)",
        answer="Today is Tuesday, 7 May 2019.",
    ),
    ToolExample(
        question="东京现在几点？",
        arguments={"time_zone": "Asia/Tokyo"},
        result="2019-05-07T21:40:12+09:00 (Tuesday, Asia/Tokyo)",
        answer="东京现在是 2019 年 5 月 7 日星期二 21:40。",
    ),
    ToolExample(
        question="今天星期几？",
        arguments={},
        result="2019-05-07T20:40:12+08:00 (Tuesday, CST)",
        answer="今天是 2019 年 5 月 7 日，星期二。",
    ),
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def current_time(*, clock: Callable[[], datetime] = _utc_now) -> Tool:
    """A tool that tells the date and time, in the zone of this machine or in another.

    Args:
        clock: the time now, with a zone.
    """

    def current_time(time_zone: str | None = None) -> str:
        """Tell the current date, weekday and time.

        Args:
            time_zone: IANA name of a time zone, such as Asia/Shanghai or UTC; leave it out for the local time.
        """
        now = clock().astimezone(None if time_zone is None else _zone(time_zone))
        name = now.tzname() if time_zone is None else time_zone
        return f"{now.isoformat(timespec='seconds')} ({_WEEKDAYS[now.weekday()]}, {name})"

    return tool(current_time, timeout_s=10.0, examples=EXAMPLES)


def _zone(name: str) -> tzinfo:
    try:
        if not _ZONE.fullmatch(name):  # it becomes part of a file's name
            raise ZoneInfoNotFoundError
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Asia" is a folder
        raise ToolError(f"There is no time zone {name[:80]!r}{_way_out(name[:80])}", "current_time") from error


def _way_out(name: str) -> str:
    """Zones of that name or city, or of one like it."""
    known = {}
    for zone in sorted(available_timezones()):  # so that "UTC" wins over "Etc/UTC"
        known[zone.rpartition("/")[2].lower()] = known[zone.lower()] = zone
    near = [known[found] for found in get_close_matches(name.replace(" ", "_").lower(), known, n=3, cutoff=0.8)]
    if near:
        return f"; do you mean {' or '.join(dict.fromkeys(near))}?"
    return "; give the IANA name of one, such as Asia/Shanghai, Europe/Berlin or UTC."
