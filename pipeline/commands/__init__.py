"""The command line `regulars`, a module a family of commands, and what they do beyond the stages."""
