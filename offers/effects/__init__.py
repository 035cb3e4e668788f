"""What experiments say: effects with honest intervals, verdicts, beliefs for the next plan, and their page."""
