"""The models themselves, and their baselines: what is fitted on rows and predicts a risk for each."""
