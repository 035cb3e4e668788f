"""Value at stake: what customers are worth if kept, by competing models, and the forward test that chooses."""
