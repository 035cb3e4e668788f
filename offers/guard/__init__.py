"""The loyalty guard: code of its own that reads a finished plan and says what in it breaks a rule."""
