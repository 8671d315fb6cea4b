"""Text and reasoning in the shapes that servers use."""

import json

from tests.responders.model.streams.made import (
    DONE,
    END,
    HELLO,
    USAGE,
    WORLD,
    Stream,
    choice,
    chunk,
    event,
    say,
)

SHAPES = [
    Stream(
        "content as a list of parts",
        [say([{"type": "text", "text": "Hello"}]), say([{"type": "text", "text": " world"}]), *END],
    ),
    Stream("content as a list of texts", [say(["Hello", " world"]), *END]),
    Stream("content as an object", [say({"type": "text", "text": "Hello world"}), *END]),
    Stream(
        "content with its value",
        [say([{"type": "text", "text": {"value": "Hello world", "annotations": []}}]), *END],
    ),
    Stream("parts of the other API", [say([{"type": "output_text", "text": "Hello world"}]), *END]),
    Stream(
        "content that is a number", [say("The answer is "), say(42), *END], text="The answer is 42"
    ),
    Stream("a delta that is a text", [chunk(choice("Hello")), chunk(choice(" world")), *END]),
    Stream(
        "text beside the delta",
        [event({"choices": [{"index": 0, "text": "Hello world", "finish_reason": None}]}), *END],
    ),
    Stream(
        "a refusal is what the model says",
        [chunk(choice({"refusal": "I cannot"})), *END],
        text="I cannot",
    ),
    Stream(
        "a refusal as a part",
        [say([{"type": "refusal", "refusal": "I cannot"}]), *END],
        text="I cannot",
    ),
    Stream(
        "an empty list beside a refusal",
        [chunk(choice({"content": [], "refusal": "I cannot"})), *END],
        text="I cannot",
    ),
    Stream(
        "thinking as a part",
        [
            say([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
            HELLO,
            WORLD,
            *END,
        ],
        reasoning="hm",
    ),
    Stream(
        "thinking and text in one list",
        [
            say([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello world"}]),
            *END,
        ],
        reasoning="hm",
    ),
    *(
        Stream(
            f"reasoning as {json.dumps(delta)}",
            [chunk(choice(delta)), HELLO, WORLD, *END],
            reasoning="hm",
        )
        for delta in (
            {"reasoning_content": "hm"},
            {"reasoning": "hm", "content": None},
            {"reasoning_content": "hm", "reasoning": "hm", "content": ""},
            {"reasoning": {"content": "hm"}},
            {"reasoning": {"text": "hm"}},
            {"reasoning_content": [{"type": "text", "text": "hm"}]},
            {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
            {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "x"},
                    {"type": "reasoning.text", "text": "hm"},
                ]
            },
            {"thinking": "hm"},
            {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "x"}]},
            {
                "reasoning_content": "hm",
                "thinking_blocks": [{"type": "thinking", "thinking": "hm"}],
            },
            {"thought": "hm"},
        )
    ),
    Stream(
        "reasoning and text in one delta",
        [chunk(choice({"reasoning": "hm", "content": "Hello world"})), *END],
        reasoning="hm",
    ),
    Stream(
        "an object in place of reasoning",
        [chunk(choice({"reasoning": {}, "content": "Hello world"})), *END],
    ),
    Stream(
        "a whole completion",
        [
            json.dumps(
                {
                    "object": "chat.completion",
                    "choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}],
                    "usage": USAGE,
                }
            )
        ],
        usage=(3, 2),
    ),
    Stream(
        "a whole completion as JSON",
        [
            json.dumps(
                {
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "Hello world"},
                            "finish_reason": "length",
                        }
                    ]
                },
                indent=2,
            )
        ],
        content_type="application/json",
        finish="length",
    ),
    Stream(
        "a whole completion with no reason",
        [json.dumps({"choices": [{"message": {"content": "Hello world"}}]})],
        content_type="application/json",
    ),
    Stream(
        "a whole completion as one event",
        [
            event({"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}),
            DONE,
        ],
    ),
    Stream(
        "a whole completion with its reasoning",
        [
            json.dumps(
                {
                    "choices": [
                        {
                            "message": {"content": "Hello world", "reasoning_content": "hm"},
                            "finish_reason": "stop",
                        }
                    ]
                }
            )
        ],
        reasoning="hm",
    ),
    Stream(
        "a whole completion in pieces",
        list(
            json.dumps(
                {"choices": [{"message": {"content": "Hello world"}, "finish_reason": "stop"}]}
            )
        ),
    ),
    Stream(
        "objects in lines, and no events",
        [
            json.dumps({"choices": [choice({"content": text})]}) + "\n"
            for text in ("Hello", " world")
        ]
        + [json.dumps({"choices": [choice(finish="stop")]}) + "\n"],
        content_type="application/x-ndjson",
    ),
]
TAGS = [
    Stream(
        "tags in pieces",
        [say("<think>"), say("hm"), say("</think>"), say("\n\nHello"), WORLD, *END],
        reasoning="hm",
    ),
    Stream(
        "tags in one piece", [say("<think>\nhm\n</think>\n\nHello world"), *END], reasoning="hm"
    ),
    Stream(
        "tags cut anywhere",
        [*(say(letter) for letter in "\n<think>\nhm, hm\n</think>\n\nHello world"), *END],
        reasoning="hm, hm",
    ),
    Stream("tags with nothing between", [say("<think>\n\n</think>\n\n"), HELLO, WORLD, *END]),
    Stream("another tag", [say("<thinking>hm</thinking>Hello world"), *END], reasoning="hm"),
    Stream(
        "a tag in the middle is text",
        [say("Hello <think>world</think>"), *END],
        text="Hello <think>world</think>",
    ),
    Stream("what only looks like a tag", [say("<th"), say("ing>"), *END], text="<thing>"),
    Stream("what might have become a tag", [say("<thin"), *END], text="<thin"),
    Stream("a smaller-than sign", [say("<"), say(" 3"), *END], text="< 3"),
    Stream(
        "white space before the text",
        [say("\n\n"), say("Hello world"), *END],
        text="\n\nHello world",
    ),
    Stream(
        "a closing tag that is none",
        [say("<think>a </thin b</think>Hello world"), *END],
        reasoning="a </thin b",
    ),
    Stream(
        "a tag within the reasoning",
        [say("<think>a <think> b</think>Hello world"), *END],
        reasoning="a <think> b",
    ),
    Stream(
        "reasoning that does not end",
        [say("<think>hm"), *END],
        text="",
        reasoning="hm",
        failure="empty",
    ),
    Stream(
        "reasoning cut off",
        [say("<think>hm</thi")],
        cut=True,
        text="",
        reasoning="hm</thi",
        failure="broken_off",
    ),
]
