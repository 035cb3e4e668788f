"""How a candidate is fitted: which rows, which features, what inner forward folds decide, and the same again later."""
