"""The weekly choice at any size: prices of the limits by Newton steps, an exact core by HiGHS, a bound on all plans."""
