"""Answers that fail, or stop without an end."""

import json

from tests.responders.model.streams.made import (
    DONE,
    END,
    WORLD,
    Stream,
    choice,
    chunk,
    event,
    say,
)

SO_FAR = say("So far")


def told(name: str, failure: str) -> Stream:
    """The server reports a failure after some text, and ends the stream as usual."""
    return Stream(name, [SO_FAR, failure, DONE], text="So far", failure="provider_error")


FAILURES = [
    *(
        told(f"the reason {reason}", chunk(choice(finish=reason)))
        for reason in (
            "abort",
            "ABORTED",
            "error",
            "network_error",
            "cancelled",
            "timeout",
            "insufficient_system_resource",
            "engine_overloaded",
            "MALFORMED_FUNCTION_CALL",
            "server_error",
            "failed",
        )
    ),
    told("the reason in the delta", chunk(choice({"finish_reason": "error"}))),
    told("the reason beside the choices", event({"choices": [], "finish_reason": "error"})),
    told(
        "the reason of the provider behind",
        chunk(choice(finish="stop", native_finish_reason="error")),
    ),
    Stream(
        "the reason beside the last text",
        [say("So far", "abort"), DONE],
        text="So far",
        failure="provider_error",
    ),
    told("an error in the choice", chunk(choice({"content": ""}, "error", error={"code": 502}))),
    told("an error in the delta", chunk(choice({"error": {"code": 502}}))),
    Stream(
        "an error beside the text",
        [SO_FAR, say("!", error={"code": 502, "message": "gone"}), DONE],
        text="So far!",
        failure="provider_error",
    ),
    told("an error that is a text", event({"error": "engine died"})),
    told("an error that is true", event({"error": True, "message": "engine died"})),
    told("an error in a list", event([{"error": {"code": 503}}])),
    told("errors", event({"errors": [{"message": "engine died"}]})),
    told("an error of the type error", event({"type": "error", "message": "engine died"})),
    told(
        "an object that is an error",
        event({"object": "error", "message": "engine died", "code": 500}),
    ),
    told("an error event", 'event: error\ndata: {"message":"engine died","code":500}\n\n'),
    told("an error event that is a word", "event: error\ndata: engine died\n\n"),
    told("a bare message", event({"message": "engine died"})),
    told("a detail", event({"detail": "Internal Server Error"})),
    told(
        "a status of another kind", event({"base_resp": {"status_code": 1004, "status_msg": "no"}})
    ),
    told("a bare object between events", '{"error": {"code": 500}}\n\n'),
    Stream(
        "a bare object at the end",
        [SO_FAR, '{"error": {"code": 500}}'],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in one read with the text",
        [SO_FAR + event({"error": {"code": 502}})],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "an error in place of a stream",
        [json.dumps({"error": {"code": 500, "message": "no"}})],
        text="",
        failure="provider_error",
        content_type="application/json",
    ),
    Stream(
        "an error of another shape in place of a stream",
        [json.dumps({"detail": [{"loc": ["body", "x"], "msg": "no"}]})],
        text="",
        failure="provider_error",
        content_type="application/json",
    ),
    Stream(
        "HTML in place of a stream",
        ["<!doctype html><title>Login</title>"],
        text="",
        failure="not_sse",
        content_type="text/html",
    ),
    Stream("HTML called events", ["\n<html>hello</html>"], text="", failure="not_sse"),
    Stream(
        "words in place of a stream",
        ["Service temporarily overloaded\n"],
        text="",
        failure="not_sse",
        content_type="text/plain",
    ),
    Stream("an empty body", [], text="", failure="not_sse"),
    Stream(
        "an empty reason, and then a cut",
        [say("So far", "")],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "an empty reason, and then the end",
        [say("So far", "")],
        text="So far",
        failure="broken_off",
    ),
    Stream("a cut without a reason", [SO_FAR], text="So far", cut=True, failure="broken_off"),
    Stream("the end of the body without a reason", [SO_FAR], text="So far", failure="broken_off"),
    Stream(
        "a cut in an event",
        [SO_FAR, say("lost")[:-30]],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "the end of the body in an event",
        [SO_FAR, say("lost")[:-30]],
        text="So far",
        failure="broken_off",
    ),
    Stream(
        "a cut after a stop that was on every chunk",
        [say("So", "stop"), say(" far", "stop")],
        text="So far",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "a cut after a whole line",
        [SO_FAR, say("!")[:-2]],
        text="So far!",
        cut=True,
        failure="broken_off",
    ),
    Stream(
        "half an object in the middle",
        [SO_FAR, 'data: {"choices":[{"delta":{"con\n\n', WORLD, *END],
        text="So far",
        failure="malformed",
    ),
    Stream(
        "an end without a word",
        [chunk(choice({"role": "assistant"})), *END],
        text="",
        failure="empty",
    ),
    Stream("an end at once", [DONE], text="", failure="empty"),
    Stream("white space alone", [say(" \n"), *END], text=" \n", failure="empty"),
    Stream(
        "reasoning alone",
        [chunk(choice({"reasoning": "hm"})), *END],
        text="",
        reasoning="hm",
        failure="empty",
    ),
    Stream(
        "tools that nobody offered",
        [
            chunk(
                choice({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]})
            ),
            chunk(choice(finish="tool_calls")),
            DONE,
        ],
        text="",
        failure="empty",
    ),
    Stream(
        "withheld by a filter",
        [chunk(choice(finish="content_filter")), DONE],
        text="",
        failure="empty",
    ),
    Stream(
        "a whole completion without a word",
        [json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]})],
        text="",
        failure="empty",
    ),
    Stream(
        "a whole completion that gave up",
        [json.dumps({"choices": [{"message": {"content": "So far"}, "finish_reason": "abort"}]})],
        text="So far",
        failure="provider_error",
    ),
    Stream(
        "half of a whole completion",
        [json.dumps({"choices": [{"message": {"content": "So far"}}]})[:-9]],
        text="",
        failure="broken_off",
        content_type="application/json",
    ),
]
