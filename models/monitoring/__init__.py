"""What becomes of a live model: drift of what it reads and says, matured outcomes, the list's turnover, its age."""
