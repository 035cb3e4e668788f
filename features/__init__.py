"""Who is judged when, what happened, and behavioural features as of a cutoff. May import contracts and events."""
