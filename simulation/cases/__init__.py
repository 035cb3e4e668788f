"""Small shops whose examples stand in `examples/`: a hotel, doors and windows, gifts. Tables as such shops keep them.

Smaller and plainer than the simulated store: a few hundred customers, drawn one by one, each of one known kind.
"""
