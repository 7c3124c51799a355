"""What the dashboard shows, computed from the store and the ledger, and the files it is made of."""
