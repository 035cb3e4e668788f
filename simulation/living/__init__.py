"""A simulated store that answers what it is sent, stepped week by week, and the oracle that knows its expectations."""
