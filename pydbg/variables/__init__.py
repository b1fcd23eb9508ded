"""Variables of the program: their names, types and places, from debug information to values."""
