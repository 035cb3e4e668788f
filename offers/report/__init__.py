"""A week's plan for people: its numbers, its pictures, its page."""
