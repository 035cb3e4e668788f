"""The desk under load: a million entries, fifty readers, a writer, and a week that is published meanwhile."""
