"""Loads the Python object that a setting names; explains in one sentence if it cannot answer."""

import importlib
import inspect
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from proxy_server.errors import ResponderUnusable
from proxy_server.responders.agents import EXTRAS, adapted
from proxy_server.responders.python.turn import Turn

Answer = Callable[[Turn], AsyncIterator[Any]]

_METHOD = "answer"
_FORM = "give package.module:attribute"


def load(place: str) -> tuple[Answer, object]:
    """The function that answers, and the object that it belongs to.

    Raises ResponderUnusable.
    """
    module_name, colon, attribute = place.partition(":")
    if not (colon and module_name and attribute):
        raise ResponderUnusable(f"{place} cannot be a responder: {_FORM}")
    found: object = _module(place, module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ResponderUnusable(
                f"{place} cannot be a responder: there is no {name} in {module_name}"
                f" ({getattr(found, '__file__', None) or type(found).__name__})"
            )
        found = getattr(found, name)
    try:
        found = adapted(found)
    except ResponderUnusable as problem:
        raise ResponderUnusable(f"{place} cannot be a responder: {problem}") from problem
    return _answer(place, found), found


def _module(place: str, name: str) -> object:
    # unlike `python -m`, an installed command does not search the folder where it was started
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise ResponderUnusable(
                f"{place} cannot be a responder: there is no module {error.name}, neither in "
                f"{folder} nor among the installed packages"
            ) from error
        broken = _broken(place, name, error)
        if extra := EXTRAS.get(str(error.name).partition(".")[0]):
            broken = ResponderUnusable(f"{broken}; run pip install 'centrifugo-llm[{extra}]'")
        raise broken from error
    except (Exception, SystemExit) as error:
        raise _broken(place, name, error) from error


def _broken(place: str, name: str, error: BaseException) -> ResponderUnusable:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}, line {error.lineno})"
    said = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return ResponderUnusable(
        f"{place} cannot be a responder: the import of {name} failed with "
        f"{type(error).__name__}: {said}{where}"
    )


def _is_own(file: str) -> bool:
    """Whether the code is not the import machinery itself."""
    return not file.startswith("<frozen") and file not in (importlib.__file__, __file__)


def _answer(place: str, found: object) -> Answer:
    function = found if inspect.isroutine(found) else getattr(found, _METHOD, found)
    if inspect.isclass(found):
        problem = "is a class: name an object of it"
    elif not inspect.isasyncgenfunction(function):
        problem = f"is {_kind(function)}"
    elif not _takes_one(function):
        problem = f"must take the turn as its only argument, not {inspect.signature(function)}"
    else:
        return function
    raise ResponderUnusable(
        f"{place} {problem}; a responder is an async generator function of one argument "
        f"(async def with yield), or an object with such a method named {_METHOD}"
    )


def _kind(found: object) -> str:
    if inspect.iscoroutinefunction(found):
        return "an async function without a yield"
    if inspect.isroutine(found):
        return "a function that is not async, or without a yield"
    return f"an object of the type {type(found).__name__}"


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True
