"""A picture under sliders: the image is redrawn from a persistent figure, not plotted anew."""
import asyncio
import base64
from threading import RLock

import ipywidgets as ipw
from IPython.display import HTML, display

SETTLED = 0.3                           # seconds after a click: no older position is on its way
WIDE = "420px"
LEGIBLE = 700                           # pixels of the page: narrower, a picture is scrolled
STILL = """<style>.blpteach-still {display: none}
.jp-OutputArea:not(:has(.widget-image)) > * .blpteach-still {display: block}</style>
<div class="blpteach-still"><p>As it was drawn first. Run this cell to move it.</p>
<img alt="The picture without its sliders" src="data:image/png;base64,%s"></div>"""


class Live(ipw.VBox):
    """A picture under controls, and a copy that shows where a kernel no longer knows the widget.

    JupyterLab prefers a widget to an image of the same output, even if it has no model of it:
    the copy is an output of its own, which the page hides beside a living widget.
    """

    def _ipython_display_(self):
        display(self._repr_mimebundle_(), raw=True)
        display(HTML(STILL % base64.b64encode(self.image.value).decode()))


def look(width):
    """How wide a control is; its label takes the room it needs."""
    return {"style": {"description_width": "initial"}, "layout": ipw.Layout(width=width)}


def slider(label, value, low, high, step, fmt=".2f"):
    """A float slider that reports while it moves; focus it and use the arrow keys."""
    return ipw.FloatSlider(value=value, min=low, max=high, step=step, description=label,
                           readout_format=fmt, **look(WIDE))


def steps(label, values, value, width=WIDE):
    """A slider that stops at given numbers; focus it and use the arrow keys."""
    return ipw.SelectionSlider(options=[(f"{stop:g}", stop) for stop in values], value=value,
                               description=label, **look(width))


def menu(label, options, value, width=WIDE):
    """A menu with a label; the arrow keys move it."""
    return ipw.Dropdown(options=options, value=value, description=label, **look(width))


def live(picture, controls, presets=None):
    """Put a picture under controls.

    Parameters
    ----------
    picture : plots.style.Picture
    controls : dict
        From argument of `picture.update` to a widget with a `value`.
    presets : dict, optional
        From the text of a button to a dict of control values; a button `reset` is added,
        unless one of these bears the word.

    Returns
    -------
    Live
        Sliders, buttons, image. `box.picture` and `box.controls` are kept for tests
        and for the curious.
    """
    image = ipw.Image(format="png", layout=image_layout(picture))
    paused, alone = [], RLock()         # a kernel may hear of two controls in two threads
    def values_now():
        return {name: control.value for name, control in controls.items()}

    def redraw(change=None):
        with alone:
            if not paused:
                image.value = picture.moved(**values_now())

    def set_all(values):
        with alone:
            paused.append(True)         # one redraw for all the values of a preset
            for name, value in values.items():
                controls[name].value = value
            paused.pop()
            redraw()

    def preset(values):
        set_all(values)
        later(lambda: set_all(values) if {**values_now(), **values} != values_now() else None)

    for control in controls.values():
        control.observe(redraw, "value")
    presets = dict(presets or {})
    if not any("reset" in text for text in presets):
        presets["reset"] = values_now()
    buttons = [preset_button(text, values, preset) for text, values in presets.items()]
    redraw()
    box = panel(controls, buttons, image)
    box.picture, box.controls, box.image = picture, controls, image
    return box


def panel(controls, buttons, image):
    """Controls in rows, buttons below them, then the image, with a scroll bar of its own."""
    rows = [ipw.HBox(row, layout=ipw.Layout(flex_flow="row wrap"))
            for row in (list(controls.values()), buttons)]
    return Live([*rows, ipw.HBox([image])])


def image_layout(picture):
    """As wide as the page, but never so narrow that type can't be read."""
    natural = picture.figure.bbox.width
    return ipw.Layout(max_width="100%", min_width=f"{min(natural, LEGIBLE):.0f}px",
                      align_self="flex-start")


def preset_button(text, values, set_all):
    """A button that moves several sliders at once."""
    button = ipw.Button(description=text, layout=ipw.Layout(width="auto"))
    button.on_click(lambda _: set_all(values))
    return button


def later(action):
    """Act once more: a browser holds positions back while a picture is drawn."""
    try:
        asyncio.get_running_loop().call_later(SETTLED, action)
    except RuntimeError:                # no loop outside a notebook, and no browser
        pass
