"""The one error that bad input raises, whatever the step."""


class InputError(ValueError):
    """What was found, where (step, column, markets), and what would be right."""


def listing(items, most=5):
    """The first few items as text: `a, b, c and 7 more`."""
    items = [str(item) for item in items]
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number, noun):
    """A number and its noun: `1 market`, `94 markets`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
