-- Share of the last 13 weeks' purchase days that fall on a weekend: an example of a trial feature.
SELECT customer_id, avg((dayofweek(ordered_on) IN (0, 6))::INT) AS weekend_share_13w
FROM (SELECT DISTINCT customer_id, ordered_on FROM purchases, cutoff WHERE ordered_on >= cutoff_on - 91)
GROUP BY customer_id
