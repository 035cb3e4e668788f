"""Whether the effects that experiments report are as certain as their intervals say."""
