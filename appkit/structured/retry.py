"""`Retry`: how a validator asks the model for another try."""


class Retry(Exception):  # noqa: N818 (not an error: a wish)
    """Raised by a validator of an output type: the value will not do, and the message tells the model why.

    class Room(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def exists(cls, number: int) -> int:
            if number not in ROOMS:
                raise Retry(f"There is no room {number}; there are {ROOMS}.")
            return number

    The model is asked again as often as `tries` allows. A validator that raises ValueError is heard the same way, with
    the name of the field added.
    """
