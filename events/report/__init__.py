"""The data report: what the store is made of, what is wrong with it, and what it can and cannot tell."""
