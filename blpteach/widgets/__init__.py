"""Pictures that follow sliders, one for each of lessons 00 to 05. Importing this package imports ipywidgets."""
