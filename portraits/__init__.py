"""What customers did here, as tiers, states, habits, preferences and named groups: tables in, tables out."""
