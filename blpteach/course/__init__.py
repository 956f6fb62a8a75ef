"""What makes a course of the library: exercises that are checked, editions of the lessons,
working copies, notation, the map to PyBLP.
"""
