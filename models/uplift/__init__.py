"""What each treatment does to whom, learned from randomised rows; used only where it pays out of sample."""
