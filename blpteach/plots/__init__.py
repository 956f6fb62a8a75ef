"""Pictures of the course, one module a lesson: figures whose artists are kept, to be moved.

Importing one of its modules imports matplotlib; `import blpteach` doesn't.
"""
