"""The clock as a tool."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from appkit.errors import ToolError
from appkit.tools.base import Tool, tool

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,2}")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")  # whatever the locale


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

    return tool(current_time, timeout_s=10.0)


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
