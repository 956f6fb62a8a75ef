# %% [markdown]
# # 90 · Throw-away
#
# *20 minutes.* Some prose with $x_1$.
#
# ## The question

# %%
import io
import sys

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# %% tags=["exercise"]
pd.DataFrame({"a": [1, 2], "b": [0.5, 0.25]})

# %%
print("one\rtwo"); print("three"); print("err", file=sys.stderr); object()

# %%
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot([1, 2, 3]);

# %%
figure = Figure(figsize=(5, 3)); FigureCanvasAgg(figure); axes = figure.subplots()
line, = axes.plot([0, 1], [0, 1]); axes.set_ylim(0, 10)
image = widgets.Image(format="png")
slider = widgets.FloatSlider(value=1, min=0, max=10, step=0.5, description="sigma")
slider2 = widgets.FloatSlider(value=1, min=0, max=10, step=0.5, description="pi")
def draw(change=None):
    line.set_ydata([slider2.value, slider.value]); buffer = io.BytesIO(); figure.savefig(buffer, format="png"); image.value = buffer.getvalue()
    if slider.value > 8: raise ValueError("too far")
slider.observe(draw, "value"); slider2.observe(draw, "value"); draw()
widgets.VBox([slider, slider2, image])
