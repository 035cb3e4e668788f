"""What a shop's own files propose: columns, forms, charges, and the rhythm that a horizon follows from."""
