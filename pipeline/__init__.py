"""One thin module a stage, the command line, and what runs stages. Imported by nobody."""
