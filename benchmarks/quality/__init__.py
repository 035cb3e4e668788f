"""How good the product's probabilities are, on real and on simulated shops, next to what a shop would do without it."""
