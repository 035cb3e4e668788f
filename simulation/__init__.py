"""A simulated store whose truth is known: who leaves and when, how often each buys, what was undone and why.

Unkind on purpose: seasons, closed days, promotions that teach people to wait, returns, one-time buyers, breaks that are
no leaving, a store that closes, people with two cards, sales without a card, rows that become known late.
"""
