"""What customers do about messages, and with the shop beside buying: the kinds of responses and interactions."""

from __future__ import annotations

RESPONSE_KINDS = ("opened", "clicked", "redeemed", "declined", "unsubscribed", "complained")
REASONS = ("price", "product", "service", "stock", "moved", "competitor", "no need", "wrongly listed")
"""Why an offer was not wanted, or a customer stays away, as they said it."""
FORCED = ("service_request", "care_visit")
INDUCED = ("visit", "view", "basket", "abandon")
STICKY = ("review", "referral", "search")
TIES = ("care_visit", "referral")
"""What keeps a customer's tie to the shop alive beside buying, where people buy once in years."""
EXPERIENCE = ("complaint", "complaint_closed", "return_refused", "rating")
INTERACTION_KINDS = (*FORCED, *INDUCED, *STICKY, *EXPERIENCE, "pause")
