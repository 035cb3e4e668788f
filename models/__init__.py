"""Whatever is fitted, and how it is judged, recorded and promoted. May import contracts and features."""
