"""Differential fuzzing: random programs, on the interpreter and with Whipsnake in several modes."""
