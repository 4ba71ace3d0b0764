"""Grading of hand-ins: reading them, playing them again, judging, and writing the results for instructors."""
