"""A source's rows as they come, and as canonical lines: files of any form, databases, letters, dates and numbers."""
