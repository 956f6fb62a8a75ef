"""What a check answers: a coloured box in a notebook, the same words in a terminal."""
import html
import re
from dataclasses import dataclass

KINDS = {"right": ("#009E73", "✓"), "wrong": ("#D55E00", "✗"),
         "open": ("#0072B2", "…"), "hint": ("#E69F00", "→")}


@dataclass(frozen=True)
class Reply:
    """An answer to an answer; true if the exercise is solved.

    Parameters
    ----------
    kind : {"right", "wrong", "open", "hint"}
    exercise : str
        Its number, such as ``"2.3"``.
    lines : tuple of str
        Paragraphs; `code` between backticks.
    code : str, optional
        A listing below them.
    what : str
        What has the number.
    """
    kind: str
    exercise: str
    lines: tuple
    code: str = ""
    what: str = "Exercise"

    def __bool__(self):
        return self.kind == "right"

    def __str__(self):
        listing = ["\n" + self.code] if self.code else []
        return "\n".join([f"{KINDS[self.kind][1]} {self.what} {self.exercise}. {self.lines[0]}",
                          *self.lines[1:], *listing])

    __repr__ = __str__

    def _repr_html_(self):
        colour, sign = KINDS[self.kind]
        first, *rest = [_html(line) for line in self.lines]
        paragraphs = "".join(f"<div style='margin-top:4px'>{line}</div>" for line in rest)
        code = html.escape(self.code)
        listing = f"<pre style='margin:6px 0 0 0'>{code}</pre>" if code else ""
        box = f"border-left:5px solid {colour};padding:6px 12px;margin:4px 0;max-width:60em"
        title = f"{sign} {self.what} {self.exercise}."
        return (f"<div style='{box}'>"
                f"<span style='color:{colour};font-weight:bold'>{title}</span> "
                f"{first}{paragraphs}{listing}</div>")


def _html(text):
    """Escape a line, and set what stands between backticks as code; line breaks stay."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text)).replace("\n", "<br>")
