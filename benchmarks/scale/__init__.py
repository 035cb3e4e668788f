"""The whole pipeline over sizes, places and histories: cost of every stage, its floor, the same bytes everywhere."""
