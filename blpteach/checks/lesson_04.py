"""Exercises of lesson 04."""
from .exercise import Exercise, Mistake

EXERCISES = {}
