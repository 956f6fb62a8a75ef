"""Pictures of the course. A picture is a figure whose artists are kept,
so that a widget can move them.

Importing this package imports matplotlib; `import blpteach` doesn't.
"""
