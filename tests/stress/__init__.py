"""Everything under stress, for longer than ``make test`` takes."""
