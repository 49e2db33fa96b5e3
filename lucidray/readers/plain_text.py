"""Text that came from outside, made safe for terminals, HTML and one-line sentences."""

import unicodedata


def one_line(text: str) -> str:
    """Return `text` on one line, without anything that steers a terminal or a text's direction.

    Control, format (zero-width, bidirectional), surrogate, private and unassigned characters and line or paragraph
    separators become spaces; runs of spaces become one; the ends are trimmed. Letters are composed (Unicode NFC).
    """
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if unicodedata.category(char)[0] == "C" or char.isspace() else char for char in composed)
    return " ".join("".join(kept).split())
