"""Feature computation, side by side: the same 60 features of the same lines by several engines (`run.py`)."""
