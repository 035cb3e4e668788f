"""How good a model is: figures with intervals, baselines beside it, the release gate, the card, the backtest."""
