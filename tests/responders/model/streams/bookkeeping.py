"""What is sent besides the text: usage, ids, choices, ends, signs of life."""

from tests.responders.model.streams.made import (
    DONE,
    END,
    HELLO,
    STOP,
    USAGE,
    WORLD,
    Stream,
    after,
    around,
    choice,
    chunk,
    event,
    say,
)

BOOKKEEPING = [
    Stream(
        "choices null beside the usage",
        after(event({"choices": None, "usage": USAGE})),
        usage=(3, 2),
    ),
    Stream(
        "counts as floats",
        after(
            event(
                {
                    "choices": [],
                    "usage": {"prompt_tokens": 3.0, "completion_tokens": 2.0, "cost": 0.1},
                }
            )
        ),
        usage=(3, 2),
    ),
    Stream(
        "counts as texts",
        after(event({"choices": [], "usage": {"prompt_tokens": "3", "completion_tokens": "2"}})),
        usage=(3, 2),
    ),
    Stream(
        "details of the usage as a list",
        after(
            event(
                {
                    "choices": [],
                    "usage": {
                        **USAGE,
                        "completion_tokens_details": [],
                        "prompt_tokens_details": {"cached_tokens": None},
                    },
                }
            )
        ),
        usage=(3, 2),
    ),
    Stream("usage as a text", after(event({"choices": [], "usage": "none"}))),
    Stream("usage as a list", after(event({"choices": [], "usage": [1, 2]}))),
    Stream(
        "usage under other names",
        after(event({"choices": [], "usage": {"input_tokens": 3, "output_tokens": 2}})),
        usage=(3, 2),
    ),
    Stream(
        "usage inside the choice",
        [HELLO, WORLD, chunk(choice(finish="stop", usage=USAGE)), DONE],
        usage=(3, 2),
    ),
    Stream(
        "usage in a field of the provider's",
        [HELLO, WORLD, chunk(choice(finish="stop"), x_groq={"usage": USAGE}), DONE],
        usage=(3, 2),
    ),
    Stream(
        "usage with each chunk, of which the last counts",
        [
            say("Hello", usage={"prompt_tokens": 3, "completion_tokens": 1}),
            say(" world", usage=USAGE),
            *END,
        ],
        usage=(3, 2),
    ),
    Stream(
        "an empty usage with each chunk", [say("Hello", usage={}), say(" world", usage=None), *END]
    ),
    Stream(
        "a negative count",
        after(event({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 2}})),
        usage=(0, 2),
    ),
    Stream(
        "NaN beside the text",
        around('data: {"choices":[{"index":0,"delta":{"content":""},"logprobs":NaN}]}\n\n'),
    ),
    Stream("a number as id", [say("Hello", id=7, created="now", model=None), WORLD, *END]),
    Stream("no index", [event({"choices": [{"delta": {"content": "Hello world"}}]}), *END]),
    Stream(
        "an index of null",
        [event({"choices": [{"index": None, "delta": {"content": "Hello world"}}]}), *END],
    ),
    Stream(
        "an index as a text",
        [event({"choices": [{"index": "0", "delta": {"content": "Hello world"}}]}), *END],
    ),
    Stream(
        "a first chunk without choices",
        [event({"prompt_filter_results": [{}], "choices": []}), HELLO, WORLD, *END],
    ),
    Stream(
        "a chunk with no choices at all",
        around(event({"id": "x", "object": "chat.completion.chunk"})),
    ),
    Stream(
        "a delta of null",
        around(chunk(choice({"content": None})), event({"choices": [{"index": 0, "delta": None}]})),
    ),
    Stream(
        "a second choice, which nobody asked for",
        [
            event(
                {"choices": [choice({"content": "Hello"}), {"index": 1, "delta": {"content": "X"}}]}
            ),
            event(
                {"choices": [{"index": 1, "delta": {"content": "Y"}, "finish_reason": "length"}]}
            ),
            WORLD,
            *END,
        ],
    ),
    Stream(
        "the first choice second",
        [
            event(
                {
                    "choices": [
                        {"index": 1, "delta": {"content": "X"}},
                        choice({"content": "Hello world"}),
                    ]
                }
            ),
            *END,
        ],
    ),
    Stream(
        "choices as an object",
        [event({"choices": choice({"content": "Hello world"}, "stop")}), DONE],
    ),
    Stream(
        "odd fields in the delta",
        [
            chunk(choice({"content": "Hello", "role": 5, "tool_calls": "none", "audio": []})),
            WORLD,
            *END,
        ],
    ),
    Stream(
        "a finish reason that is an object",
        around(chunk(choice({"content": ""}, {"type": "stop"}))),
    ),
    Stream("a finish reason that is true", around(chunk(choice({}, True)))),
    Stream("a reason in capitals", [HELLO, WORLD, chunk(choice(finish="STOP")), DONE]),
    Stream("another word for stop", [HELLO, WORLD, chunk(choice(finish="end_turn")), DONE]),
    Stream(
        "another word for length",
        [HELLO, WORLD, chunk(choice(finish="MAX_TOKENS")), DONE],
        finish="length",
    ),
    Stream(
        "a content filter",
        [HELLO, WORLD, chunk(choice(finish="content_filter")), DONE],
        finish="content-filter",
    ),
    Stream(
        "a reason that nobody knows",
        [HELLO, WORLD, chunk(choice(finish="because")), DONE],
        finish="other",
    ),
    Stream("an empty error is none", [say("Hello", error={}), say(" world", error=""), *END]),
    Stream(
        "an error of nulls is none",
        [say("Hello", error={"code": None, "message": ""}), say(" world", error=[]), *END],
    ),
    Stream("an end without a reason", [HELLO, WORLD, DONE]),
    Stream("no [DONE] behind the reason", [HELLO, WORLD, STOP]),
    Stream("a reason beside the last text", [HELLO, say(" world", "stop"), DONE]),
    Stream(
        "stop on each chunk, and more comes", [say("Hello", "stop"), say(" world", "stop"), DONE]
    ),
    Stream("what comes after [DONE] is no part of it", [HELLO, WORLD, *END, say("MORE")]),
    Stream(
        "what comes after [DONE] in one piece is no part of it",
        ["".join([HELLO, WORLD, *END, say("MORE")])],
    ),
]
SIGNS_OF_LIFE = [
    Stream("null as a sign of life", around("data: null\n\n")),
    Stream("a comment", around(": keep-alive\n\n", ":\n\n")),
    Stream("data that is empty", around("data:\n\n", "data: \n\n")),
    Stream("data that is a word", around("data: ping\n\n")),
    Stream("data that is a text", around('data: ""\n\n', 'data: "ping"\n\n')),
    Stream("data that is a number", around("data: 0\n\n")),
    Stream("data that is an empty list", around("data: []\n\n")),
    Stream("data that is an empty object", around("data: {}\n\n")),
    Stream("an event of the type ping", around('event: ping\ndata: {"type": "ping"}\n\n')),
    Stream("a time to try again, and an id", around("retry: 1000\n\n", "id: 7\n" + say(""))),
    *(
        Stream(f"the end as {done!r}", [HELLO, WORLD, STOP, done])
        for done in (
            "data: [DONE] \n\n",
            "data:[DONE]\n\n",
            "data: [done]\n\n",
            'data: "[DONE]"\n\n',
            "data: DONE\n\n",
            "event: done\ndata: [DONE]\n\n",
            "data: [DONE]",
        )
    ),
    *(
        Stream(f"the end, and no reason, as {done!r}", [HELLO, WORLD, done])
        for done in (
            "event: done\ndata: {}\n\n",
            "event: end\ndata:\n\n",
            'data: {"done": true}\n\n',
            "data: [DONE]",
        )
    ),
]
