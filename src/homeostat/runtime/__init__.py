"""What runs for months: facts in, one transaction after another, state that can be rebuilt."""
