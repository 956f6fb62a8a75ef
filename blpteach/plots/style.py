"""One look for all pictures: colours for every eye and a projector, and the base of pictures."""
import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image                   # comes with matplotlib

# Okabe and Ito (2008): distinguishable with any common colour vision.
# One meaning each, in every lesson.
PRODUCT = "#0072B2"                     # blue: inside goods, and the model at work
RIVAL = "#56B4E9"                       # light blue: the other inside goods
OUTSIDE = "#999999"                     # grey: the outside good
HIGHLIGHT = "#D55E00"                   # vermilion: what the text is about
TRUTH = "#000000"                       # black: what is true or observed
SECOND = "#009E73"                      # green: a second method or group
THIRD = "#CC79A7"                       # purple: a third
FOURTH = "#E69F00"                      # orange: a fourth

STYLE = {"font.size": 12, "figure.dpi": 90, "legend.frameon": False, "lines.linewidth": 2.2,
         "axes.titlesize": 13, "axes.titlelocation": "left", "axes.titlepad": 10,
         "axes.spines.top": False, "axes.spines.right": False,
         "axes.grid": True, "grid.alpha": 0.25, "axes.axisbelow": True}
_projector = {"zoom": 1.0}


def set_zoom(zoom):
    """Draw type and lines `zoom` times as large from now on; pictures keep their size."""
    _projector["zoom"] = float(zoom)


def keep(old, **given):
    """Values after an update: those given, and not None, replace the old ones."""
    return {**old, **{name: value for name, value in given.items() if value is not None}}


class Picture:
    """A figure that can be moved: subclasses draw their artists once and update them.

    In a notebook a picture shows itself as an image; in a widget (`widgets.live`) the same picture
    follows sliders. Subclasses define `draw(self, figure)`, which makes axes and artists and keeps
    them, and `update(self, **values)`, which sets the artists' data and texts. `update` must accept
    every value by keyword and keep the ones not given.

    Attributes
    ----------
    figure : matplotlib Figure
        Bound to an Agg canvas; pyplot is not involved.
    size : (float, float)
        Inches.
    moving : list of artists, optional
        All that `update` changes, if that is little: then only these are drawn anew.
        Nothing else may change, axes' limits included.
    """
    size = (10, 4.2)
    moving = None
    background = None

    def __init__(self, **values):
        with matplotlib.rc_context(STYLE):
            zoom = _projector["zoom"]
            self.figure = Figure(figsize=[length / zoom for length in self.size],
                                 dpi=zoom * STYLE["figure.dpi"], layout="constrained")
            FigureCanvasAgg(self.figure)
            self.draw(self.figure)
            self.update(**values)
            self.figure.canvas.draw()
            self.figure.set_layout_engine("none")               # laid out once: axes stay put

    def moved(self, **values):
        """The picture as PNG bytes after an update in the course's style."""
        with matplotlib.rc_context(STYLE):
            self.update(**values)
        return self.png()

    def png(self):
        """The picture as PNG bytes; what is not `moving` is drawn once and kept."""
        with matplotlib.rc_context(STYLE):
            if self.moving is None:
                self.figure.canvas.draw()
            else:
                self.draw_moving()
        buffer, pixels = io.BytesIO(), np.asarray(self.figure.canvas.buffer_rgba())
        Image.fromarray(pixels).save(buffer, "png", compress_level=1)
        return buffer.getvalue()

    def draw_moving(self):
        """The background, and on it what moves."""
        canvas = self.figure.canvas
        if self.background is None:
            for artist in self.moving:
                artist.set_animated(True)                       # left out when the whole is drawn
            canvas.draw()
            self.background = canvas.copy_from_bbox(self.figure.bbox)
        canvas.restore_region(self.background)
        for artist in sorted(self.moving, key=lambda artist: artist.get_zorder()):
            self.figure.draw_artist(artist)

    def _repr_png_(self):
        return self.png()

    def __repr__(self):
        return f"<picture: {type(self).__name__}>"
