"""Type and pictures for a projector."""
import numpy as np
import pandas as pd


class LectureStyle:
    """What `lecture_style` returns: shown by a notebook, it sets the sizes of the page's type.

    Parameters
    ----------
    zoom : float
    digits : int
        As in `lecture_style`.
    """

    def __init__(self, zoom, digits):
        self.zoom, self.digits = zoom, digits

    def _repr_html_(self):
        sizes = {"code-font-size": 13, "content-font-size1": 14, "widgets-font-size": 13}
        rules = "".join(f"--jp-{name}:{size * self.zoom:.0f}px;" for name, size in sizes.items())
        return f"<style>:root{{{rules}}}</style>{self}"

    def __repr__(self):
        return (f"Lecture style: type and pictures {self.zoom:g} times as large, "
                f"{self.digits} digits")


def lecture_style(zoom=1.25, digits=3):
    """Set type, pictures and number formats for a projector, for this notebook from here on.

    Pictures keep their size on the page; their type and lines grow.
    So do the type of JupyterLab's cells, and of pictures that you draw yourself with matplotlib.

    Parameters
    ----------
    zoom : float, optional
        How many times as large; 1 goes back.
    digits : int, optional
        Digits behind the point in arrays and tables.

    Returns
    -------
    LectureStyle
        To be the last line of a cell.

    Examples
    --------
    >>> import blpteach
    >>> blpteach.lecture_style(zoom=1, digits=6)
    Lecture style: type and pictures 1 times as large, 6 digits
    """
    import matplotlib

    from ..plots import style

    style.set_zoom(zoom)
    larger = {name: zoom * style.STYLE[name] for name in ("font.size", "axes.titlesize")}
    matplotlib.rcParams.update({**style.STYLE, **larger})
    pd.set_option("display.precision", digits)
    np.set_printoptions(precision=digits, suppress=True)
    return LectureStyle(zoom, digits)
