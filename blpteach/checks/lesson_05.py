"""Exercises of lesson 05."""
from .exercise import Exercise, Mistake

EXERCISES = {}
