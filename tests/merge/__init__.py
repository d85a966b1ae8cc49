"""State, merge and view against generated histories and the laws of a join."""
