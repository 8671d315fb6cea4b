"""The refusals that a client can receive, and the failures of the edges.

Refusal                 reaches the client: code, temporary, one sentence for the user
 ├─ Malformed           400
 ├─ NoUser              401
 ├─ Forbidden           403
 ├─ NotFound            404
 ├─ Busy                409
 ├─ TooLarge            413
 ├─ LimitReached        429, temporary
 ├─ OurFault            500, temporary
 └─ Unavailable         503, temporary
     └─ KeyMoved        a key names another conversation by now: the caller tries again
Failure                 an edge failed; the caller decides, and it is logged
 ├─ ResponderFailed     the model's provider refused, broke off or kept silent
 │   └─ CannotAnswer    an operator's own responder has a sentence for the user
 ├─ ResponderUnusable   RESPONDER names nothing that answers; the text is for an operator
 ├─ ApiUnreachable      Centrifugo's server API did not answer: the effect is unknown
 ├─ ApiRejected         it answered with an error: there was no effect
 │   └─ PositionLost    the channel's history no longer reaches back to that position
 └─ StoreUnavailable    the database did not answer: the data may be stored or not
     └─ StoreUnusable   it cannot work with these settings; the text is for an operator
"""

from typing import ClassVar


class Refusal(Exception):
    """A refusal with a code of the client protocol; its text is shown to the user."""

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
    sentence = "This connection has no user. Sign in, then try again."


class Forbidden(Refusal):
    """Not this user's, or nonexistent: one answer for both, so that nobody learns what exists."""

    code = 403
    sentence = "This conversation does not exist, or it is not yours."


class NotFound(Refusal):
    code = 404
    sentence = "This does not exist."


class Busy(Refusal):
    code = 409
    sentence = "An answer is still being written here. Wait for it, or stop it."


class BeingClosed(Busy):
    """The answer was taken over from a silent server, and is about to end."""


class TooLarge(Refusal):
    code = 413
    sentence = "This is too large. Send less at once."


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


class KeyMoved(Unavailable):
    """By now the key names another conversation than the one that was found, or none."""


class Failure(Exception):
    """A failure at an edge: the model, Centrifugo or the database."""


class ResponderFailed(Failure):
    """The responder gave no answer, or not all of it.

    `sentence` is for the user; `reason` is a word for logs and metrics. The exception's own text
    holds the details, only for the log.
    """

    def __init__(self, reason: str, sentence: str, details: str = "") -> None:
        super().__init__(details or reason)
        self.reason = reason
        self.sentence = sentence


class CannotAnswer(ResponderFailed):
    """Raised by a responder of your own: the answer fails, and the user reads this sentence.

    details: only for the log.
    """

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__("responder", sentence, details)


class ResponderUnusable(Failure):
    """The object that the settings name as a responder cannot be one; the text says why."""


class ApiUnreachable(Failure):
    """Centrifugo's server API did not answer: the call may have had its effect or not."""


class ApiRejected(Failure):
    """Centrifugo's server API answered with an error, and did nothing."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class PositionLost(ApiRejected):
    """The history does not reach back to the position: expired, cut, or of another epoch."""


class StoreUnavailable(Failure):
    """The database cannot be reached or did not answer in time.

    The data may have been stored or not: perhaps only the reply to the COMMIT was lost.
    """


class StoreUnusable(StoreUnavailable):
    """The database cannot work with these settings, or in this place; the text says why."""
