"""What every room may rely on: errors, time, parameters, tables, files. Imports nothing of ours."""
