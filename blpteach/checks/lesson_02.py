"""Exercises of lesson 02."""
from .exercise import Exercise, Mistake

EXERCISES = {}
