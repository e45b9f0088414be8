"""Regular expressions of texts that become Python values, in the syntax of Rust's regex crate.

Each matches only what Python can hold: no year 0, no leap second, no fraction of a microsecond.
"""

_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY_31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_DAY_30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_DAY_28 = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

DATE = f"(?:{_YEAR}-(?:{_DAY_31}|{_DAY_30}|{_DAY_28})|{_LEAP_YEAR}-02-29)"
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
# As JSON Schema has it (RFC 3339), without leap seconds.
RFC_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
INTEGER = "-?(?:0|[1-9][0-9]*)"
NUMBER = rf"{INTEGER}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{{1,3}})?"

_SECONDS = r"[0-9]{1,9}(?:\.[0-9]{1,6})?S"
_DURATION_DATE = "(?:[0-9]{1,4}Y(?:[0-9]{1,3}D)?|[0-9]{1,6}[DW])"
_DURATION_TIME = (
    f"T(?:[0-9]{{1,6}}H(?:[0-9]{{1,6}}M)?(?:{_SECONDS})?|[0-9]{{1,6}}M(?:{_SECONDS})?|{_SECONDS})"  # not empty
)
DURATION = f"-?P(?:{_DURATION_DATE}(?:{_DURATION_TIME})?|{_DURATION_TIME})"


def with_offset(pattern: str, *, is_aware: bool | None) -> str:
    """A time of day with its offset from UTC: required, forbidden, or (None) as the writer likes."""
    if is_aware is None:
        return f"{pattern}{_OFFSET}?"
    return pattern + _OFFSET if is_aware else pattern


def uuid(version: int | None = None) -> str:
    """A UUID in lower case, of any version or of one."""
    third, fourth = (
        ("[0-9a-f]{4}", "[0-9a-f]{4}") if version is None else (f"{version}[0-9a-f]{{3}}", "[89ab][0-9a-f]{3}")
    )
    return f"[0-9a-f]{{8}}-[0-9a-f]{{4}}-{third}-{fourth}-[0-9a-f]{{12}}"


def decimal(max_digits: int | None = None, decimal_places: int | None = None, *, is_signed: bool = True) -> str:
    """A decimal number; with a limit of digits also one without exponent, which would hide how many there are."""
    sign = "-?" if is_signed else ""
    if max_digits is None and decimal_places is None:
        return NUMBER if is_signed else NUMBER.removeprefix("-?")
    whole = "(?:0|[1-9][0-9]*)"
    if max_digits is not None:
        more = max_digits - (decimal_places or 0) - 1  # digits after the first
        whole = "0" if more < 0 else f"(?:0|[1-9][0-9]{{0,{more}}})"
    places = max_digits if decimal_places is None else decimal_places
    fraction = rf"(?:\.[0-9]{{1,{places}}})?" if places else ""
    return f"{sign}{whole}{fraction}"
