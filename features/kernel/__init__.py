"""The fast engine: one pass over events sorted by customer and time, compiled by Numba, in pieces of constant size."""
