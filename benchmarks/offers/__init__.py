"""How near the optimiser of the weekly plan comes to the best plan, and what it costs, at sizes up to ten million."""
