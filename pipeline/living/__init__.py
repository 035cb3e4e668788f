"""Past and future of a simulated store, replayed week by week with the product's own code under any policy."""
