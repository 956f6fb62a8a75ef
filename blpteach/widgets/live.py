"""A picture under sliders: the image is redrawn from a persistent figure, not plotted anew."""
import asyncio
from threading import RLock

import ipywidgets as ipw

SETTLED = 0.3                           # seconds after a click: no older position is on its way
WIDE = "420px"


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
        From the text of a button to a dict of control values; a button `reset` is added.

    Returns
    -------
    ipywidgets.VBox
        Sliders, buttons, image. `box.picture` and `box.controls` are kept for tests
        and for the curious.
    """
    image = ipw.Image(format="png", layout=ipw.Layout(max_width="100%", align_self="flex-start"))
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
    presets = {**(presets or {}), "reset": values_now()}
    buttons = [preset_button(text, values, preset) for text, values in presets.items()]
    redraw()
    box = panel(controls, buttons, image)
    box.picture, box.controls, box.image = picture, controls, image
    return box


def panel(controls, buttons, image):
    """Controls in rows, buttons below them, then the image."""
    rows = ipw.HBox(list(controls.values()), layout=ipw.Layout(flex_flow="row wrap"))
    return ipw.VBox([rows, ipw.HBox(buttons), image])


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
