"""The plain engine: the same features in pandas, slow and obvious, as the oracle that the fast one must equal."""
