"""Pictures that follow sliders, one module a lesson; `live` puts any picture under controls.

Importing one of its modules imports ipywidgets; `import blpteach` doesn't.
"""
