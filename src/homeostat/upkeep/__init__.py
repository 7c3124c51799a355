"""What an operator does with a folder of the service: look after it, copy it, put it back."""
