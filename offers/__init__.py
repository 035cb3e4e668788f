"""Who gets which offer: catalogue, eligibility, economics, choice under limits, control group, loyalty guard."""
