"""What the names of the data are called on a page, in English, where it is not the name itself."""

from __future__ import annotations

from collections.abc import Mapping

from serving.desk.actors import MAY

NAMES: Mapping[str, Mapping[str, str]] = {
    "change": {"new": "new", "up": "↑ up", "same": "as before", "down": "↓ down", "left": "left the list"},
    "check": {"alert": "look", "passed": "fine", "not enough data": "too little data"},
    "grade": {"model": "a model", "rule": "a rule", "none": "due dates, no model"},
    "kind": {"returned": "came back", "skipped": "nothing sent"},
    "limit": {"capacity": "Contacts", "budget": "Budget"},
    "may": MAY,
    "preset": {"plain": "everything", "sms_gateway": "SMS gateway", "crm": "CRM"},
    "severity": {"error": "mend", "warning": "look", "note": "note"},
    "value_tier": {"base": "basic"},
    "verdict": {"too early": "too early to say"},
    "channel": {"sms": "SMS", "email": "e-mail", "app_push": "app push", "till_receipt": "till receipt"},
    "baseline": {
        "rfm_logit": "RFM",
        "all_feature_logit": "all-feature logit",
        "mbg_nbd": "MBG/NBD",
        "lightgbm_default": "LightGBM",
    },
}
