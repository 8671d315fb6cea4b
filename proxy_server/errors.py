"""The refusals that a client can receive, and the failures of the edges.

Refusal                 reaches the client: code, temporary, one sentence for a person
 ├─ Malformed           400
 ├─ NoUser              401
 ├─ Forbidden           403
 ├─ NotFound            404
 ├─ Busy                409
 ├─ TooLarge            413
 ├─ LimitReached        429, temporary
 ├─ OurFault            500, temporary
 └─ Unavailable         503, temporary
Failure                 an edge did not do its part; decided on by the caller, logged
 ├─ ResponderFailed     the model's provider refused, broke off or kept silent
 │   └─ CannotAnswer    a responder of somebody's own has a sentence for who asked
 ├─ ResponderUnusable   RESPONDER names nothing that answers; the text is for an operator
 ├─ ApiUnreachable      Centrifugo's server API did not answer: the effect is unknown
 ├─ ApiRejected         it answered with an error: there was no effect
 │   └─ PositionLost    the channel's history no longer reaches back to that position
 └─ StoreUnavailable    the database did not answer: what was asked may be stored, or not
     └─ StoreUnusable   nor can it be with these settings; the text is a sentence for an operator
"""

from typing import ClassVar


class Refusal(Exception):
    """An answer of "no" with a code of the client protocol; its text is shown to a person."""

    code: ClassVar[int]
    temporary: ClassVar[bool] = False
    sentence: ClassVar[str]

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class Malformed(Refusal):
    code = 400
    sentence = "The request is malformed."


class NoUser(Refusal):
    code = 401
    sentence = "This connection has no user."


class Forbidden(Refusal):
    """Not this user's, or not there: one answer for both, so that nobody learns what exists."""

    code = 403
    sentence = "There is no such conversation, or it is not yours."


class NotFound(Refusal):
    code = 404
    sentence = "There is no such thing."


class Busy(Refusal):
    code = 409
    sentence = "This conversation is still being answered."


class BeingClosed(Busy):
    """The answer was taken over from a server that went silent, and is about to end."""


class TooLarge(Refusal):
    code = 413
    sentence = "The prompt is too large."


class LimitReached(Refusal):
    code = 429
    temporary = True
    sentence = "You have reached your limit. Try again in a moment."


class OurFault(Refusal):
    code = 500
    temporary = True
    sentence = "Something went wrong on our side. Try again."


class Unavailable(Refusal):
    code = 503
    temporary = True
    sentence = "The service is not available at the moment. Try again."


class Failure(Exception):
    """An edge (model, Centrifugo, database) did not do its part."""


class ResponderFailed(Failure):
    """The responder gave no answer, or not all of it.

    `sentence` is for the person who asked; `reason` is a word for logs and metrics, and the
    exception's own text holds the details, which stay in the log.
    """

    def __init__(self, reason: str, sentence: str, details: str = "") -> None:
        super().__init__(details or reason)
        self.reason = reason
        self.sentence = sentence


class CannotAnswer(ResponderFailed):
    """Raised by a responder of your own: the answer fails, and the user reads this sentence.

    details: for the log alone.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__("responder", sentence, details)


class ResponderUnusable(Failure):
    """What the settings name as a responder cannot be one; the text says why."""


class ApiUnreachable(Failure):
    """Centrifugo's server API did not answer: the call may have had its effect, or not."""


class ApiRejected(Failure):
    """Centrifugo's server API answered with an error, and did nothing."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class PositionLost(ApiRejected):
    """The history does not reach back to the position: expired, cut, or of another epoch."""


class StoreUnavailable(Failure):
    """The database cannot be reached or did not answer in time.

    What was asked may or may not have been stored: the reply to a COMMIT may be what was lost.
    """


class StoreUnusable(StoreUnavailable):
    """With these settings, or in this place, it never can be reached; the text says why."""
