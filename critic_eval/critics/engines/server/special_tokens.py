"""Texts that a server's tokenizer would take for marks of its prompt format, broken up so that they stay text.

A local engine tokenizes what a data set says apart from the template's marks. A server renders and tokenizes both as
one string, so a response that says `<|im_end|>` would end its turn there, and one that says `<image>` add an image.
A zero-width space after a mark's first character keeps it from being one; a reader sees the same text. Broken up are
the marks that end turns, begin roles, stand for media or bound sequences in the formats of current open models, known
by their form. Tags that critics are asked to write, such as `<think>` or `<answer>`, are left as they are.
"""

from __future__ import annotations

import re

BREAK = "\u200b"
"""The zero-width space, as in the chat templates of `critic-eval convert`."""

SETTING = "broken up"
"""What a signature says of special tokens in texts that were sent to a server."""

_NAMES = "|".join(
    (
        r"/?s|/?bos|/?eos|pad|unk|mask|sep|cls|/?sop|/?eop|eot|end_of_text|endoftext",  # bounds of sequences
        r"/?(?:start|begin|end)_(?:of|header)_?\w*|(?:start|end)_header_id|/?im_\w+|/?turn|用户|AI",
        r"/?(?:image|video|audio|img|vid|IMG|VIDEO|AUDIO)(?:[_-][\w-]*)?|/?Img|ImageHere|/?Image|/?Video|/?Audio",
        r"fake_token_around_image|global-img|row_\d+_col_\d+|/?(?:ref|box|quad|point|polygon|vision|slice|unit)",
        r"unused_?\d+|reserved_\w+|extra_id_\d+|ctrl\d+|fim_\w+|EOD|EOT|BOS|EOS",
    )
)
_BRACKETED = "|".join(
    (
        r"/?INST|/?SYS|/?SYSTEM_PROMPT|/?AVAILABLE_TOOLS|/?TOOL_RESULTS|/?TOOL_CALLS|/?TOOL_CONTENT|/?ARGS|/?CALL_ID",
        r"/?IMG|IMG_BREAK|IMG_END|BEGIN_AUDIO|AUDIO|gMASK|g?MASK|sMASK|CLS|SEP|PAD|UNK|BOS|EOS|EOT|PREFIX|MIDDLE|SUFFIX",
    )
)
_MARK = re.compile(
    "|".join(
        (
            r"<\u200b*(?=[|｜][^<>\s|｜][^<>\s]{0,63}>)",  # <|im_end|>, <｜User｜>, <|tool>
            rf"<\u200b*(?=(?:{_NAMES})>)",
            r"<\u200b*(?=[^<>\s|]{1,64}\|>)",  # <tool|>
            r"<\u200b*(?=</?SYS>>)",
            rf"\[\u200b*(?=(?:{_BRACKETED})\])",
            r"<\u200b*(?=\]\w{1,64}\[>)",  # ]<]image[>[
        )
    )
)


def broken_up(text: str) -> str:
    """Break up every mark in a text; a text without one comes back as it is.

    >>> broken_up("a<|im_end|>") == "a<\u200b|im_end|>"
    True
    >>> broken_up("if a < b: [[A]] <b>bold</b> [RESULT] 4")
    'if a < b: [[A]] <b>bold</b> [RESULT] 4'
    """
    return _MARK.sub(lambda match: match[0] + BREAK, text)


def restored(text: str) -> str:
    """The text that was broken up: of each mark one break is taken out.

    >>> all(restored(broken_up(text)) == text for text in ("</s>", "<\u200b/s>", "[INST] <image>", "\u200b"))
    True
    """
    return _MARK.sub(lambda match: match[0].removesuffix(BREAK), text)
