"""Purchase history: where it comes from, how it is cleaned, how it is kept. May import contracts."""
