"""Exercises of lesson 00."""
from .exercise import Exercise, Mistake

EXERCISES = {}
