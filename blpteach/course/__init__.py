"""What makes a course of the library.

- `checks`: exercises, right answers and known mistakes, one module a lesson.
- `editions`, `working_copy`: a lesson for students, for the lecture and with everything; the
  reader's own copy, never overwritten.
- `notation`, `bridge`: the table of symbols and words; the map to PyBLP.
- `lecture`, `reading`, `notebooks`: type for a projector, a function's source, what the shipped
  notebooks lend to the one that is open.
"""
